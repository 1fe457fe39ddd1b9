import Simulation
import Storage
import Testing
import Wire

@testable import Cell

@Suite("Holds and corrections") struct HoldTests {
  @Test func `holds expire with an entry, a bounded number per step`() throws {
    let books = try Books()
    try books.fund(1_000)
    let count = LedgerLimits.expiriesPerStep + 5
    for index in 0..<count {
      _ = try books.write {
        try $0.hold(Micros(2), for: .message(RowID(Int64(index))), until: $1.inAnHour)
      }
    }
    #expect(try books.write { ledger, _ in try ledger.expireHolds() } == false)
    #expect(try books.balances()[2] == Int64(2 * count))
    let due = try books.store.write(at: books.now) { try LedgerSchema.part.nextDue?($0) }
    #expect(due == books.now.adding(seconds: 3600))
    books.now = books.now.adding(seconds: 3600)
    #expect(try books.write { ledger, _ in try ledger.expireHolds() })
    #expect(try books.balances()[2] == 10)
    #expect(try books.write { ledger, _ in try ledger.expireHolds() } == false)
    #expect(try books.balances() == [0: -1_000, 1: 1_000, 2: 0, 3: 0])
    let entries = try books.store.reading(.ledger).first(
      "SELECT count(*) FROM ledger_entries WHERE kind = 'expiry' AND account = 'wallet'"
    ) { $0.int(0) }
    #expect(entries == count)
    #expect(try books.store.write(at: books.now) { try LedgerSchema.part.nextDue?($0) } == nil)
  }

  @Test func `no hold outlives thirty days`() throws {
    let books = try Books()
    try books.fund(10)
    let hold = try books.write { ledger, _ in
      try ledger.hold(Micros(1), for: .campaign(RowID(1)), until: .distantFuture)
    }
    let stored = try books.write { ledger, _ in try ledger.hold(hold) }
    #expect(stored?.expiresAt == books.now.adding(seconds: 30 * 86_400))
  }

  @Test func `a hold gives no more than it has, and is resolved by its last micro`() throws {
    let books = try Books()
    try books.fund(100)
    let hold = try books.write {
      try $0.hold(Micros(10), for: .campaign(RowID(1)), until: $1.inAnHour)
    }
    #expect(throws: Failure(.invalidState, "only 10 micros remain of the hold")) {
      try books.write { ledger, _ in
        try ledger.capture(Micros(11), of: hold, for: books.usage(1, 11))
      }
    }
    try books.write { ledger, _ in
      try ledger.capture(Micros(4), of: hold, for: books.usage(1, 4))
      try ledger.release(Micros(6), of: hold, cause: .suppressed(message: RowID(2)))
    }
    #expect(try books.write { ledger, _ in try ledger.hold(hold)?.state } == .captured)
    #expect(throws: Failure(.invalidState, "the hold is captured")) {
      try books.write { ledger, _ in
        try ledger.release(Micros(0), of: hold, cause: .completed)
      }
    }
  }

  @Test func `a free hold waits for its close, and a free message has its usage event`() throws {
    let books = try Books()
    try books.fund(100)
    let hold = try books.write { try $0.hold(.zero, for: .campaign(RowID(1)), until: $1.inAnHour) }
    try books.write { ledger, _ in
      try ledger.capture(.zero, of: hold, for: books.usage(1, 0))
      try ledger.capture(.zero, of: hold, for: books.usage(2, 0))
      _ = try ledger.close(hold, cause: .completed)
    }
    #expect(try books.write { ledger, _ in try ledger.hold(hold)?.state } == .released)
    #expect(try books.write { ledger, _ in try ledger.usage(RowID(2))?.debit } == .zero)
    #expect(try LedgerAudit(books.store.reading(.ledger)).violations == [])
  }

  @Test func `a message is charged once`() throws {
    let books = try Books()
    try books.fund(100)
    try books.write { ledger, _ in try ledger.charge(books.usage(1, 10)) }
    #expect(throws: Failure(.alreadyDone, "this usage has its debit")) {
      try books.write { ledger, _ in try ledger.charge(books.usage(1, 10)) }
    }
    #expect(try books.balances()[1] == 90)
  }

  @Test func `re-rating is another entry; the event keeps its price`() throws {
    let books = try Books()
    try books.fund(100)
    try books.write { ledger, _ in try ledger.charge(books.usage(1, 40)) }
    let corrected = try books.write { ledger, _ in
      [
        try ledger.correct(usage: RowID(1), to: Books.quote(30, price: 6)),
        try ledger.correct(usage: RowID(1), to: Books.quote(30, price: 6)),
        try ledger.correct(usage: RowID(1), to: Books.quote(45, price: 7)),
      ]
    }
    #expect(corrected == [true, false, true])
    let usage = try books.write { ledger, _ in try ledger.usage(RowID(1)) }
    #expect(usage?.priceAmount == Micros(40))
    #expect(usage?.debit == Micros(40))
    #expect(usage?.charged == Micros(45))
    #expect(try books.balances()[1] == 55)
    #expect(throws: Failure(.insufficientFunds, "955 micros are needed and 55 are available")) {
      try books.write { ledger, _ in
        try ledger.correct(usage: RowID(1), to: Books.quote(1_000, price: 8))
      }
    }
    #expect(try books.write { ledger, _ in try ledger.refund(usage: RowID(1), cause: .goodwill) })
    #expect(try books.balances()[1] == 100)
  }

  @Test func `a wallet has one currency`() throws {
    let books = try Books()
    try books.fund(1)
    let usd = try #require(Currency("USD"))
    #expect(throws: Failure.self) {
      try books.write { ledger, _ in
        try ledger.topUp(Micros(1), currency: usd, reference: "other")
      }
    }
    #expect(try books.balances()[1] == 1)
  }

  @Test func `the view shows public identifiers, names, times and signs`() throws {
    let books = try Books()
    try books.fund(50)
    try books.write { ledger, _ in try ledger.charge(books.usage(77, 20)) }
    let rows = try books.store.reading(.ledger).rows(
      """
      SELECT id, at, transfer_id, account, currency, amount_micros, kind, source_id
      FROM ledger_entries WHERE kind = 'charge' ORDER BY account
      """
    ) { row in
      [row.text(1), row.text(3), row.text(4), "\(row.int64(5))", row.text(6), row.text(7)]
    }
    let at = books.now.rfc3339
    let source = RowID(77).text(.message)
    #expect(
      rows == [
        [at, "revenue", "EUR", "20", "charge", source],
        [at, "wallet", "EUR", "-20", "charge", source],
      ])
    let transfer = try books.store.reading(.ledger).first(
      "SELECT id FROM transfers WHERE kind = 9"
    ) { RowID($0.int64(0)) }
    let ids = try books.store.reading(.ledger).rows(
      "SELECT id, transfer_id FROM ledger_entries WHERE kind = 'charge' ORDER BY account"
    ) { [$0.text(0), $0.text(1)] }
    let made = try #require(transfer)
    #expect(
      ids == [
        [made.text(.entry) + "-revenue", made.text(.transfer)],
        [made.text(.entry) + "-wallet", made.text(.transfer)],
      ])
  }
}
