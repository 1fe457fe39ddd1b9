import Wire

/// The four accounts of a tenant's ledger.
///
/// The number stands in rows and is never reused.
enum LedgerAccount: Int64, Sendable, CaseIterable {
  /// The world that money comes from; the only account that may be negative.
  case external = 0
  /// What the tenant can spend.
  case wallet = 1
  /// What is set aside for sends that are under way.
  case held = 2
  /// What the platform has earned.
  case revenue = 3

  var name: String {
    switch self {
    case .external: "external"
    case .wallet: "wallet"
    case .held: "held"
    case .revenue: "revenue"
    }
  }
}

/// Why money moved; decides between which two accounts.
///
/// The number is never reused.
enum TransferKind: Int64, Sendable, CaseIterable {
  case topUp = 1
  case campaignHold = 2
  case messageHold = 3
  case capture = 4
  /// Part of a hold given back because one message finally failed; the source is the message.
  case release = 5
  /// The rest of a hold given back because its work is over; the source is the hold.
  case close = 6
  /// The rest of a hold given back because its time ran out; the source is the hold.
  case expiry = 7
  case refund = 8
  /// A debit without a hold.
  case charge = 9
  /// Re-rating: the usage cost less than was charged.
  case correctionDown = 10
  /// Re-rating: the usage cost more than was charged.
  case correctionUp = 11
  /// Re-rating: the usage cost more than was charged, and its hold had it in reserve.
  case correctionFromHold = 12

  var accounts: (from: LedgerAccount, to: LedgerAccount) {
    switch self {
    case .topUp: (.external, .wallet)
    case .campaignHold, .messageHold: (.wallet, .held)
    case .capture, .correctionFromHold: (.held, .revenue)
    case .release, .close, .expiry: (.held, .wallet)
    case .refund, .correctionDown: (.revenue, .wallet)
    case .charge, .correctionUp: (.wallet, .revenue)
    }
  }

  /// The word that clients and the view `ledger_entries` show.
  var name: String {
    switch self {
    case .topUp: "top_up"
    case .campaignHold, .messageHold: "hold"
    case .capture: "capture"
    case .release: "release"
    case .close: "close"
    case .expiry: "expiry"
    case .refund: "refund"
    case .charge: "charge"
    case .correctionDown, .correctionUp, .correctionFromHold: "correction"
    }
  }

  /// Which kind of row the source is.
  var sourceKind: RowKind {
    switch self {
    case .topUp: .topUp
    case .campaignHold: .campaign
    case .messageHold, .release: .message
    case .close, .expiry: .hold
    case .capture, .refund, .charge, .correctionDown, .correctionUp, .correctionFromHold:
      .usageEvent
    }
  }
}
