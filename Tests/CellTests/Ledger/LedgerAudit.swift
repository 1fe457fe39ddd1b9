import Storage
import Wire

@testable import Cell

/// Checks the rows of a ledger against its invariants, from the rows alone.
struct LedgerAudit {
  /// What is wrong, in words; empty where all invariants hold.
  private(set) var violations: [String] = []
  private(set) var balances: [Int64: Int64] = [0: 0, 1: 0, 2: 0, 3: 0]
  private(set) var transfers = 0

  init(_ db: Connection) throws {
    try fold(db)
    try none(
      db, "a transfer has not two entries that add up to zero",
      """
      SELECT count(*) FROM (SELECT transfer_id FROM ledger_entries GROUP BY transfer_id, currency
        HAVING count(*) <> 2 OR sum(amount_micros) <> 0)
      """)
    try none(
      db, "a hold and its transfer differ",
      """
      SELECT count(*) FROM holds h LEFT JOIN transfers t ON t.id = h.id
      WHERE t.amount IS NOT h.amount OR t.kind NOT IN (2, 3)
      """)
    try none(
      db, "a hold is resolved with a rest, or holds more than its amount",
      """
      SELECT count(*) FROM holds WHERE captured + released > amount
        OR (state <> 0 AND captured + released <> amount)
      """)
    try none(
      db, "what a hold captured is not the sum of its debits",
      """
      SELECT count(*) FROM holds h WHERE captured <> (SELECT coalesce(sum(t.amount), 0)
        FROM usage_events u JOIN transfers t ON t.id = u.transfer_id WHERE u.hold_id = h.id)
      """)
    try none(
      db, "the held account is not the sum of what remains of the holds",
      """
      SELECT count(*) FROM balances WHERE account = 2
        AND amount <> (SELECT coalesce(sum(amount - captured - released), 0) FROM holds)
      """)
    try none(
      db, "a usage event and its debit are not one to one",
      """
      SELECT (SELECT count(*) FROM usage_events) <> (SELECT count(*) FROM transfers
        WHERE kind IN (4, 9))
      """)
    try none(
      db, "a usage event's debit is another's",
      """
      SELECT count(*) FROM usage_events u LEFT JOIN transfers t ON t.id = u.transfer_id
      WHERE t.source_id IS NOT u.id OR t.kind NOT IN (4, 9)
      """)
    try none(
      db, "more was refunded than charged",
      """
      SELECT count(*) FROM usage_events u JOIN transfers t ON t.id = u.transfer_id
      WHERE (SELECT coalesce(sum(amount), 0) FROM refunds WHERE usage_id = u.id)
        > t.amount + (SELECT coalesce(sum(delta), 0) FROM corrections WHERE usage_id = u.id)
      """)
    try none(
      db, "more was refunded than debited, without a correction",
      """
      SELECT count(*) FROM usage_events u JOIN transfers t ON t.id = u.transfer_id
      WHERE (SELECT coalesce(sum(amount), 0) FROM refunds WHERE usage_id = u.id) > t.amount
        AND NOT EXISTS (SELECT 1 FROM corrections WHERE usage_id = u.id)
      """)
    try none(
      db, "a refund and its transfer differ",
      """
      SELECT (SELECT count(*) FROM refunds r JOIN transfers t ON t.id = r.transfer_id
          AND t.kind = 8 AND t.amount = r.amount AND t.source_id = r.usage_id)
        <> (SELECT count(*) FROM transfers WHERE kind = 8)
      """)
    try none(
      db, "a top-up was credited other than once",
      """
      SELECT (SELECT count(*) FROM top_ups p JOIN transfers t ON t.id = p.transfer_id
          AND t.kind = 1 AND t.amount = p.amount AND t.source_id = p.id)
        <> (SELECT count(*) FROM transfers WHERE kind = 1)
      """)
  }

  /// Follows every transfer from the first: each says what both accounts held after it.
  private mutating func fold(_ db: Connection) throws {
    var found: [String] = []
    var folded = balances
    var count = 0
    try db.query(
      "SELECT id, from_account, to_account, amount, from_after, to_after FROM transfers ORDER BY id"
    ) { row in
      count += 1
      let (from, to, amount) = (row.int64(1), row.int64(2), row.int64(3))
      folded[from, default: 0] -= amount
      folded[to, default: 0] += amount
      if folded[from] != row.int64(4) || folded[to] != row.int64(5) {
        found.append("transfer \(row.int64(0)) says another balance than the fold")
      }
      for account in 1...3 where folded[Int64(account), default: 0] < 0 {
        found.append("account \(account) is negative after transfer \(row.int64(0))")
      }
      if folded.values.reduce(0, +) != 0 { found.append("the accounts do not add up to zero") }
    }
    try db.query("SELECT account, amount FROM balances") { row in
      if folded[row.int64(0)] != row.int64(1) {
        found.append("the balance of account \(row.int64(0)) is not the fold of its entries")
      }
    }
    violations += found
    balances = folded
    transfers = count
  }

  private mutating func none(_ db: Connection, _ words: String, _ sql: StaticString) throws {
    let count = try db.first(sql) { $0.int(0) } ?? 0
    if count != 0 { violations.append("\(words) (\(count))") }
  }
}
