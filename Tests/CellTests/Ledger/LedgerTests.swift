import Simulation
import Storage
import Testing
import Wire

@testable import Cell

@Suite("Ledger") struct LedgerTests {
  @Test func `a campaign is held, captured, released and refunded to the last micro`() throws {
    let books = try Books()
    try books.fund(1_000)
    let hold = try books.write {
      try $0.hold(Micros(600), for: .campaign(RowID(7)), until: $1.inAnHour)
    }
    #expect(try books.balances() == [0: -1_000, 1: 400, 2: 600, 3: 0])
    try books.write { ledger, _ in
      try ledger.capture(Micros(100), of: hold, for: books.usage(1, 100))
      try ledger.capture(Micros(100), of: hold, for: books.usage(2, 100))
      try ledger.release(Micros(100), of: hold, cause: .failed(message: RowID(3)))
    }
    #expect(try books.balances() == [0: -1_000, 1: 500, 2: 300, 3: 200])
    #expect(
      try books.write { ledger, _ in try ledger.refund(usage: RowID(1), cause: .failedStatus) })
    #expect(
      try books.write { ledger, _ in try ledger.close(hold, cause: .completed) } == Micros(300))
    #expect(try books.balances() == [0: -1_000, 1: 900, 2: 0, 3: 100])
    let after = try books.write { ledger, _ in try ledger.hold(hold) }
    #expect(after?.state == .captured)
    #expect(after?.captured == Micros(200))
    #expect(after?.refunded == Micros(100))
  }
}
