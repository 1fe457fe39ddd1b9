import Simulation
import Storage
import Testing
import Wire

@testable import Cell

/// What comparable systems got wrong with money.
@Suite("Money mistakes seen elsewhere") struct SeenElsewhereTests {
  private static func code(_ body: () throws -> Void) -> FailureCode? {
    do {
      try body()
      return nil
    } catch let failure as Failure {
      return failure.code
    } catch {
      return .unrecognized("\(error)")
    }
  }

  @Test func `the same refund counts once, however often and by whatever cause it comes`() throws {
    let books = try Books()
    try books.fund(1_000)
    try books.write { ledger, _ in try ledger.charge(books.usage(1, 300)) }
    let given = try (0..<5).map { _ in
      try books.write { ledger, _ in try ledger.refund(usage: RowID(1), cause: .failedStatus) }
    }
    #expect(given == [true, false, false, false, false])
    #expect(
      try books.write { ledger, _ in try ledger.refund(usage: RowID(1), cause: .goodwill) }
        == false)
    #expect(try books.balances()[1] == 1_000)
  }

  @Test func `the same top-up is credited once`() throws {
    let books = try Books()
    let ids = try (0..<3).map { _ in
      try books.write { ledger, _ in
        try ledger.topUp(Micros(700), currency: Books.eur, reference: "bank-1").id
      }
    }
    #expect(Set(ids).count == 1)
    #expect(try books.balances()[1] == 700)
    #expect(
      Self.code {
        _ = try books.write { ledger, _ in
          try ledger.topUp(Micros(701), currency: Books.eur, reference: "bank-1")
        }
      } == .conflict)
    #expect(try books.balances()[1] == 700)
  }

  @Test func `a refused debit leaves no key behind: the retry is metered once`() async throws {
    let tenants = DirectTenants(
      schema: CellSchema.schema, clock: SimulatedWallClock(), random: SeededRandomSource(seed: 1))
    let tenant = TenantID(trusted: "t1")
    try tenants.create(tenant)
    let claim = IdempotencyClaim(
      principal: "key:k", key: "send-1", payloadHash: [1], file: .ledger,
      retentionSeconds: IdempotencyClaim.moneyRetention)
    let origin = CommandOrigin(requestID: "r", traceID: "t")
    func topUp(_ reference: String) async throws {
      try await tenants.write(tenant, origin) { tx in
        _ = try Ledger(tx).topUp(Micros(100), currency: Books.eur, reference: reference)
      }
    }
    func send() async throws(Failure) -> StoredAnswer {
      try await tenants.perform(tenant, origin, claim) { tx in
        let quote = Books.quote(150)
        let after = try Ledger(tx).charge(UsageEvent(id: RowID(1), quote: quote))
        return StoredAnswer(
          status: 202, contentType: "text/plain", body: Array("\(after.available)".utf8))
      }
    }
    try await topUp("a")
    var refused: FailureCode?
    do { _ = try await send() } catch { refused = error.code }
    #expect(refused == .insufficientFunds)
    try await topUp("b")
    let first = try await send()
    #expect(try await send() == first)
    let balances = try await tenants.read(tenant, [.ledger]) {
      try LedgerStore($0.file(.ledger)).balances()
    }
    #expect(balances.available == Micros(50))
  }

  @Test func `a closed hold stays closed, whoever looks at it again`() throws {
    let books = try Books()
    try books.fund(1_000)
    let hold = try books.write {
      try $0.hold(Micros(400), for: .message(RowID(9)), until: $1.inAnHour)
    }
    #expect(
      try books.write { ledger, _ in try ledger.close(hold, cause: .cancelled) } == Micros(400))
    #expect(try books.write { ledger, _ in try ledger.close(hold, cause: .cancelled) } == .zero)
    #expect(
      Self.code {
        try books.write { ledger, _ in
          _ = try ledger.capture(Micros(1), of: hold, for: books.usage(1, 1))
        }
      } == .invalidState)
    books.now = books.now.adding(seconds: 40 * 86_400)
    #expect(try books.write { ledger, _ in try ledger.expireHolds() } == false)
    #expect(try books.balances() == [0: -1_000, 1: 1_000, 2: 0, 3: 0])
  }

  @Test func `a wallet without history is not a wallet of zero`() throws {
    let books = try Books()
    #expect(Self.code { _ = try books.write { ledger, _ in try ledger.balances() } } == .notFound)
    #expect(
      Self.code {
        _ = try books.write {
          try $0.hold(Micros(1), for: .campaign(RowID(1)), until: $1.inAnHour)
        }
      } == .insufficientFunds)
  }

  @Test func `an entry is never changed, deleted or replaced`() throws {
    let books = try Books()
    try books.fund(1_000)
    try books.write { ledger, _ in
      try ledger.charge(books.usage(1, 300))
      _ = try ledger.refund(usage: RowID(1), cause: .failedStatus)
    }
    let statements: [StaticString] = [
      "UPDATE transfers SET amount = 1", "DELETE FROM transfers",
      "INSERT OR REPLACE INTO transfers SELECT * FROM transfers",
      "UPDATE usage_events SET price_amount = 1", "DELETE FROM usage_events",
      "INSERT OR REPLACE INTO usage_events SELECT * FROM usage_events",
      "UPDATE refunds SET amount = 1", "DELETE FROM refunds",
      "UPDATE top_ups SET amount = 1", "DELETE FROM top_ups",
    ]
    for statement in statements {
      #expect(throws: SQLiteError.self, "\(statement)") {
        try books.store.write(at: books.now) { tx in _ = try tx.file(.ledger).run(statement) }
      }
    }
    #expect(try LedgerAudit(books.store.reading(.ledger)).violations == [])
  }
}
