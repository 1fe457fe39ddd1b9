import Wire

/// The body of a top-up.
struct TopUpInput: Decodable, Sendable {
  let amount: Micros
  let currency: Currency
  let reference: String

  private enum CodingKeys: String, CodingKey {
    case amount = "amount_micros"
    case currency, reference
  }
}

/// What a wallet holds, as clients see it.
struct BalancesAnswer: Encodable, Sendable {
  let currency: Currency
  let balanceMicros: Int64
  let heldMicros: Int64
  let availableMicros: Int64

  init(_ balances: WalletBalances) {
    currency = balances.currency
    balanceMicros = balances.balance.rawValue
    heldMicros = balances.held.rawValue
    availableMicros = balances.available.rawValue
  }

  private enum CodingKeys: String, CodingKey {
    case currency
    case balanceMicros = "balance_micros"
    case heldMicros = "held_micros"
    case availableMicros = "available_micros"
  }
}

/// A top-up with the balances after it.
struct TopUpAnswer: Encodable, Sendable {
  let topUp: TopUp
  let balances: WalletBalances

  private enum CodingKeys: String, CodingKey {
    case id, reference
    case amountMicros = "amount_micros"
  }

  func encode(to encoder: any Encoder) throws {
    try BalancesAnswer(balances).encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(topUp.id.text(.topUp), forKey: .id)
    try container.encode(topUp.reference, forKey: .reference)
    try container.encode(topUp.amount.rawValue, forKey: .amountMicros)
  }
}

/// One entry: one account's side of a transfer.
struct EntryAnswer: Encodable, Sendable {
  let transfer: RowID
  /// The side that the money left.
  let isFirst: Bool
  let at: Timestamp
  let account: LedgerAccount
  let currency: String
  let amountMicros: Int64
  let kind: TransferKind
  let sourceID: String
  /// What the account held right after this entry.
  let balanceAfterMicros: Int64

  static func both(of transfer: Transfer, currency: String, sourceKind: RowKind) -> [EntryAnswer] {
    let accounts = transfer.kind.accounts
    let source = transfer.source.text(sourceKind)
    return [true, false].map { isFirst in
      EntryAnswer(
        transfer: transfer.id, isFirst: isFirst, at: transfer.at,
        account: isFirst ? accounts.from : accounts.to, currency: currency,
        amountMicros: isFirst ? -transfer.amount.rawValue : transfer.amount.rawValue,
        kind: transfer.kind, sourceID: source,
        balanceAfterMicros: (isFirst ? transfer.fromAfter : transfer.toAfter).rawValue)
    }
  }

  private enum CodingKeys: String, CodingKey {
    case id, at, account, currency, kind
    case transferID = "transfer_id"
    case amountMicros = "amount_micros"
    case sourceID = "source_id"
    case balanceAfterMicros = "balance_after_micros"
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(transfer.text(.entry) + "-" + account.name, forKey: .id)
    try container.encode(at, forKey: .at)
    try container.encode(transfer.text(.transfer), forKey: .transferID)
    try container.encode(account.name, forKey: .account)
    try container.encode(currency, forKey: .currency)
    try container.encode(amountMicros, forKey: .amountMicros)
    try container.encode(kind.name, forKey: .kind)
    try container.encode(sourceID, forKey: .sourceID)
    try container.encode(balanceAfterMicros, forKey: .balanceAfterMicros)
  }
}
