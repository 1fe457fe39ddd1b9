import Storage
import Wire

/// The balances of all four accounts.
struct AccountBalances: Hashable, Sendable {
  private var amounts: [Micros] = [.zero, .zero, .zero, .zero]

  subscript(account: LedgerAccount) -> Micros {
    get { amounts[Int(account.rawValue)] }
    set { amounts[Int(account.rawValue)] = newValue }
  }
}

/// The ledger's SQL, over a writing or a reading connection.
struct LedgerStore {
  let db: Connection

  init(_ connection: Connection) { db = connection }

  // MARK: - Wallet and balances

  func currency() throws -> Currency? {
    try db.first("SELECT currency FROM wallets WHERE id = 1") { Currency($0.text(0)) } ?? nil
  }

  func insertWallet(_ currency: Currency, at: Timestamp) throws {
    try db.run(
      "INSERT INTO wallets (id, currency, opened_at) VALUES (1, ?, ?)", .text(currency.code),
      .integer(at.milliseconds))
    try db.run("INSERT INTO balances (account, amount) VALUES (0, 0), (1, 0), (2, 0), (3, 0)")
  }

  func accountBalances() throws -> AccountBalances {
    var balances = AccountBalances()
    try db.query("SELECT account, amount FROM balances") { row in
      guard let account = LedgerAccount(rawValue: row.int64(0)) else { return }
      balances[account] = Micros(row.int64(1))
    }
    return balances
  }

  func balances() throws -> WalletBalances {
    guard let currency = try currency() else {
      throw Failure(.notFound, "the wallet was never opened")
    }
    let amounts = try accountBalances()
    return WalletBalances(
      currency: currency, balance: try amounts[.wallet].adding(amounts[.held]),
      held: amounts[.held], available: amounts[.wallet])
  }

  // MARK: - Transfers

  /// Stores the transfer and sets the two balances to what it says.
  func insert(_ transfer: Transfer) throws {
    let accounts = transfer.kind.accounts
    try db.run(
      """
      INSERT INTO transfers
        (id, at, kind, from_account, to_account, amount, source_id, from_after, to_after)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
      """,
      .integer(transfer.id.rawValue), .integer(transfer.at.milliseconds),
      .integer(transfer.kind.rawValue), .integer(accounts.from.rawValue),
      .integer(accounts.to.rawValue), .integer(transfer.amount.rawValue),
      .integer(transfer.source.rawValue), .integer(transfer.fromAfter.rawValue),
      .integer(transfer.toAfter.rawValue))
    try set(accounts.from, transfer.fromAfter)
    try set(accounts.to, transfer.toAfter)
  }

  private func set(_ account: LedgerAccount, _ amount: Micros) throws {
    let changed = try db.run(
      "UPDATE balances SET amount = ? WHERE account = ?", .integer(amount.rawValue),
      .integer(account.rawValue))
    guard changed == 1 else { throw Failure(.insufficientFunds, "the wallet was never opened") }
  }

  /// The transfers with this source, oldest first: what happened to one message or hold.
  func transfers(source: RowID) throws -> [Transfer] {
    try db.rows(
      """
      SELECT id, at, kind, amount, source_id, from_after, to_after FROM transfers
      WHERE source_id = ? ORDER BY id
      """, .integer(source.rawValue), transform: Self.transfer
    ).compactMap { $0 }
  }

  /// Transfers after `after` in the order they were made, from `from` up to before `to`.
  func transfers(from: Timestamp, to: Timestamp, after: RowID, limit: Int) throws -> [Transfer] {
    try db.rows(
      """
      SELECT id, at, kind, amount, source_id, from_after, to_after FROM transfers
      WHERE id > ?1 AND id < ?2 AND at >= ?3 AND at < ?4 ORDER BY id LIMIT ?5
      """, .integer(max(after.rawValue, Self.lowestID(at: from))),
      .integer(Self.lowestID(at: to.adding(seconds: Self.identifierSlackSeconds))),
      .integer(from.milliseconds), .integer(to.milliseconds), .int(limit),
      transform: Self.transfer
    ).compactMap { $0 }
  }

  /// Identifiers may run ahead of the time in them by this much; see ``RowID``.
  private static let identifierSlackSeconds: Int64 = 60

  /// No row made at or after `time` has a smaller identifier.
  private static func lowestID(at time: Timestamp) -> Int64 {
    RowID.lowest(at: time).rawValue - 1
  }

  private static func transfer(_ row: Row) -> Transfer? {
    guard let kind = TransferKind(rawValue: row.int64(2)) else { return nil }
    return Transfer(
      id: RowID(row.int64(0)), at: Timestamp(milliseconds: row.int64(1)), kind: kind,
      amount: Micros(row.int64(3)), source: RowID(row.int64(4)), fromAfter: Micros(row.int64(5)),
      toAfter: Micros(row.int64(6)))
  }

  // MARK: - Top-ups

  func topUp(reference: String) throws -> TopUp? {
    try db.first(
      "SELECT id, reference, amount FROM top_ups WHERE reference = ?", .text(reference)
    ) { TopUp(id: RowID($0.int64(0)), reference: $0.text(1), amount: Micros($0.int64(2))) }
  }

  func insert(_ topUp: TopUp, transfer: RowID) throws {
    try db.run(
      "INSERT INTO top_ups (id, reference, amount, transfer_id) VALUES (?, ?, ?, ?)",
      .integer(topUp.id.rawValue), .text(topUp.reference), .integer(topUp.amount.rawValue),
      .integer(transfer.rawValue))
  }

  // MARK: - Holds

  func hold(_ id: RowID) throws -> Hold? {
    try db.first(
      """
      SELECT id, state, amount, captured, released, refunded, expires_at FROM holds WHERE id = ?
      """, .integer(id.rawValue), transform: Self.hold) ?? nil
  }

  func holds(of source: HoldSource) throws -> [Hold] {
    try db.rows(
      """
      SELECT h.id, h.state, h.amount, h.captured, h.released, h.refunded, h.expires_at
      FROM transfers t JOIN holds h ON h.id = t.id
      WHERE t.source_id = ? AND t.kind = ? ORDER BY h.id
      """, .integer(source.id.rawValue), .integer(source.transferKind.rawValue),
      transform: Self.hold
    ).compactMap { $0 }
  }

  func insertHold(_ id: RowID, amount: Micros, expiresAt: Timestamp) throws {
    try db.run(
      """
      INSERT INTO holds (id, state, amount, captured, released, refunded, expires_at)
      VALUES (?, 0, ?, 0, 0, 0, ?)
      """, .integer(id.rawValue), .integer(amount.rawValue), .integer(expiresAt.milliseconds))
  }

  func update(_ hold: Hold) throws {
    try db.run(
      "UPDATE holds SET state = ?, captured = ?, released = ?, refunded = ? WHERE id = ?",
      .integer(hold.state.rawValue), .integer(hold.captured.rawValue),
      .integer(hold.released.rawValue), .integer(hold.refunded.rawValue),
      .integer(hold.id.rawValue))
  }

  func expiredHolds(at now: Timestamp, limit: Int) throws -> [RowID] {
    try db.rows(
      "SELECT id FROM holds WHERE state = 0 AND expires_at <= ? ORDER BY expires_at LIMIT ?",
      .integer(now.milliseconds), .int(limit)
    ) { RowID($0.int64(0)) }
  }

  /// When the next pending hold runs out.
  func nextExpiry() throws -> Timestamp? {
    try db.first("SELECT min(expires_at) FROM holds WHERE state = 0") { row in
      row.optionalInt64(0).map { Timestamp(milliseconds: $0) }
    } ?? nil
  }

  /// What every pending hold still holds, by when it was made; nil where there is no wallet.
  func pendingHolds(now: Timestamp) throws -> HoldAges.Summary? {
    guard let currency = try currency() else { return nil }
    var summary = HoldAges.Summary(currency: currency)
    try db.query("SELECT id, amount - captured - released FROM holds WHERE state = 0") { row in
      summary.add(
        madeAt: RowID(row.int64(0)).time, micros: row.int64(1), now: now)
    }
    return summary
  }

  private static func hold(_ row: Row) -> Hold? {
    guard let state = HoldState(rawValue: row.int64(1)) else { return nil }
    return Hold(
      id: RowID(row.int64(0)), state: state, amount: Micros(row.int64(2)),
      captured: Micros(row.int64(3)), released: Micros(row.int64(4)),
      refunded: Micros(row.int64(5)), expiresAt: Timestamp(milliseconds: row.int64(6)))
  }
}
