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
