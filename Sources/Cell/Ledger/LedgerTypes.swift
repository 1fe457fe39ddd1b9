import Wire

/// What a wallet holds.
///
/// `balance` = `held` + `available`.
struct WalletBalances: Hashable, Sendable {
  let currency: Currency
  /// The tenant's money, holds included.
  let balance: Micros
  let held: Micros
  let available: Micros
}

/// What a hold is for.
enum HoldSource: Hashable, Sendable {
  case campaign(RowID)
  case message(RowID)

  var id: RowID {
    switch self {
    case .campaign(let id), .message(let id): id
    }
  }

  var transferKind: TransferKind {
    switch self {
    case .campaign: .campaignHold
    case .message: .messageHold
    }
  }
}

/// Where a hold stands.
///
/// Only `pending` may change; the others are final.
enum HoldState: Int64, Sendable {
  /// May become any of the others.
  case pending = 0
  /// Nothing remains, and some of it was captured.
  case captured = 1
  /// Nothing remains, and none of it was captured.
  case released = 2
  /// Its time ran out; what remained went back.
  case expired = 3

  var name: String {
    switch self {
    case .pending: "pending"
    case .captured: "captured"
    case .released: "released"
    case .expired: "expired"
    }
  }
}

/// Money set aside.
///
/// `captured` + `released` + `remaining` = `amount`, always.
struct Hold: Hashable, Sendable {
  let id: RowID
  var state: HoldState
  let amount: Micros
  var captured: Micros
  var released: Micros
  /// What was given back of the captured part.
  var refunded: Micros
  let expiresAt: Timestamp

  /// What is still set aside; never negative: the table's CHECK keeps the parts within the amount.
  var remaining: Micros { Micros(amount.rawValue - captured.rawValue - released.rawValue) }
}

/// What a debit pays for.
///
/// The number is never reused.
enum UsageKind: Int64, Sendable {
  case outgoingMessage = 1
  case aiAgentCall = 2
  case documentStorage = 3

  var name: String {
    switch self {
    case .outgoingMessage: "outgoing_message"
    case .aiAgentCall: "ai_agent_call"
    case .documentStorage: "document_storage"
    }
  }

  /// The prefix of a usage event's public identifier: a message's event is the message's.
  var rowKind: RowKind { self == .outgoingMessage ? .message : .usageEvent }
}

/// One thing used, with the price it was rated at.
///
/// One to one with its debit.
struct UsageEvent: Hashable, Sendable {
  /// The message's identifier where it is one.
  let id: RowID
  let kind: UsageKind
  let quote: PriceQuote
  /// What is debited.
  let amount: Micros

  init(id: RowID, kind: UsageKind = .outgoingMessage, quote: PriceQuote, amount: Micros? = nil) {
    self.id = id
    self.kind = kind
    self.quote = quote
    self.amount = amount ?? quote.amount
  }
}

/// A usage event as it is stored, with what became of its debit.
struct UsageRecord: Hashable, Sendable {
  let id: RowID
  let kind: UsageKind
  let transfer: RowID
  let hold: RowID?
  let priceID: RowID
  let priceVersion: Int64
  let priceAmount: Micros
  let market: String
  let category: MessageCategory
  let debit: Micros
  let refunded: Micros
  /// The sum of re-ratings: positive where more was charged.
  let corrected: Int64

  /// What the tenant has paid for it by now.
  var charged: Micros { Micros(debit.rawValue + corrected - refunded.rawValue) }
}

/// Why part of a hold is given back.
enum ReleaseCause: Hashable, Sendable {
  /// A message finally failed before it was charged.
  case failed(message: RowID)
  /// Meta charged no more than the message's price: what was held beyond it.
  case settled(message: RowID)
  /// A message is not sent at all: opted out, cancelled, no longer valid.
  case suppressed(message: RowID)
  case completed
  case cancelled
  /// The hold's time ran out.
  case expired
}

/// Why a debit is given back: with the debit, the key of a refund.
///
/// The number is never reused.
enum RefundCause: Int64, Sendable, CaseIterable {
  /// Meta said that the message failed.
  case failedStatus = 1
  /// No final status within the limit.
  case undelivered = 2
  /// Meta's status said that this message was free.
  case freeOfCharge = 3
  case goodwill = 4

  var name: String {
    switch self {
    case .failedStatus: "failed_status"
    case .undelivered: "undelivered"
    case .freeOfCharge: "free_of_charge"
    case .goodwill: "goodwill"
    }
  }
}

/// One movement between two accounts, as it is stored.
struct Transfer: Hashable, Sendable {
  let id: RowID
  let at: Timestamp
  let kind: TransferKind
  let amount: Micros
  let source: RowID
  /// What the two accounts held right after it.
  let fromAfter: Micros
  let toAfter: Micros
}

/// A payment into the wallet.
struct TopUp: Hashable, Sendable {
  let id: RowID
  /// The payer's own name of the payment: credited once.
  let reference: String
  let amount: Micros
}

enum LedgerLimits {
  /// A hold older than this is released with an entry.
  static let holdSeconds: Int64 = 30 * 86_400
  /// Holds that one step of due work lets expire.
  static let expiriesPerStep = 100
  /// The largest single top-up or hold: a billion units of currency.
  static let maximumAmount = Micros(1_000_000_000_000_000)
  static let maximumReferenceBytes = 128
}
