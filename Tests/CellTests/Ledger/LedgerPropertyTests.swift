import Simulation
import Storage
import Testing
import Wire

@testable import Cell

/// Invariants 1 to 5, 7 and 8 of a ledger over random histories.
@Suite("Ledger properties") struct LedgerPropertyTests {
  @Test(arguments: 1...40)
  func `every history keeps every invariant at every prefix`(seed: Int) throws {
    let books = try Books(seed: UInt64(seed))
    try books.fund(5_000)
    var history = LedgerHistory(seed: UInt64(seed))
    var done = 0
    for step in 1...250 {
      books.now = books.now.adding(milliseconds: history.pauseMilliseconds())
      let next = history.next()
      do {
        let hold = try books.store.write(at: books.now) { try next.apply($0) }
        if let hold { history.made(hold) }
        done += 1
      } catch let failure as Failure {
        #expect(LedgerHistory.refusals.contains(failure.code), "\(next): \(failure)")
      }
      if step % 25 == 0 {
        #expect(try LedgerAudit(books.store.reading(.ledger)).violations == [], "step \(step)")
      }
    }
    // A history of refusals would prove nothing.
    #expect(done > 80)
  }

  /// A file of the first format level has another text of the view.
  @Test(arguments: 1...4)
  func `both texts of the view show the same entries`(seed: Int) throws {
    let (first, short) = (
      try Self.entries(seed: UInt64(seed), level: FormatLevel.oldest),
      try Self.entries(seed: UInt64(seed), level: FormatLevel.newest)
    )
    #expect(first == short)
    for kind in TransferKind.allCases where kind != .correctionFromHold {
      #expect(first.contains { $0.contains(" \(kind.name) ") }, "no \(kind) in the history")
    }
  }

  /// The entries of a long random history.
  private static func entries(seed: UInt64, level: UInt32) throws -> [String] {
    let books = try Books(seed: seed, level: level)
    try books.fund(500_000)
    var history = LedgerHistory(seed: seed)
    for _ in 1...1_000 {
      books.now = books.now.adding(milliseconds: history.pauseMilliseconds())
      let next = history.next()
      let hold = try? books.store.write(at: books.now) { try next.apply($0) }
      if let hold { history.made(hold) }
    }
    var found: [String] = []
    try books.store.reading(.ledger).query(
      """
      SELECT id, at, transfer_id, account, currency, amount_micros, kind, source_id
      FROM ledger_entries ORDER BY id
      """
    ) { row in
      found.append((0..<8).map { row.optionalText($0) ?? "NULL" }.joined(separator: " "))
    }
    return found
  }

  @Test func `the audit sees a ledger that is wrong`() throws {
    let books = try Books()
    try books.fund(500)
    #expect(try LedgerAudit(books.store.reading(.ledger)).violations == [])
    try books.store.write(at: books.now) { tx in
      _ = try tx.file(.ledger).run("UPDATE balances SET amount = amount + 1 WHERE account = 1")
    }
    #expect(try LedgerAudit(books.store.reading(.ledger)).violations.count == 1)
  }

  @Test func `no arithmetic overflows: an amount beyond the limit is refused`() throws {
    let books = try Books()
    for amount in [Int64.max, Int64.min, -1, LedgerLimits.maximumAmount.rawValue + 1] {
      #expect(
        throws: Failure(
          .amountOutOfRange, "an amount must be between 0 and 10^15 micros")
      ) { try books.fund(amount) }
    }
    for _ in 0..<10 { try books.fund(LedgerLimits.maximumAmount.rawValue) }
    #expect(try books.balances()[1] == 10 * LedgerLimits.maximumAmount.rawValue)
    try books.store.write(at: books.now) { tx in
      let db = try tx.file(.ledger)
      try db.run("UPDATE balances SET amount = 9223372036854775807 WHERE account = 1")
    }
    #expect(throws: Failure.self) { try books.fund(1) }
  }
}
