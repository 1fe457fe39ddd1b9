import Simulation
import StorageFixtures
import Testing
import Wire

@testable import Storage

@Suite("Idempotency") struct IdempotencyTests {
  private let tenant = TestEngine.tenant
  private let origin = CommandOrigin(requestID: "r", traceID: "t")

  private func claim(
    _ key: String, payload: UInt8 = 1, principal: String = "key1",
    retention: Int64 = IdempotencyClaim.dayRetention, mayGoUnkept: Bool = false
  ) -> IdempotencyClaim {
    IdempotencyClaim(
      principal: principal, key: key, payloadHash: [UInt8](repeating: payload, count: 32),
      file: .ledger, retentionSeconds: retention, mayGoUnkept: mayGoUnkept)
  }

  private func pay(
    _ test: TestEngine, _ claim: IdempotencyClaim, _ id: Int64
  ) async throws(Failure) -> StoredAnswer {
    try await test.engine.perform(tenant, origin, claim) { transaction in
      try TestSchema.pay(transaction, id)
      return StoredAnswer(status: 201, contentType: "application/json", body: Array("\(id)".utf8))
    }
  }

  private func withEngine(
    _ adjust: (inout EngineConfiguration) -> Void = { _ in },
    _ body: (String, TestEngine) async throws -> Void
  ) async throws {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory, adjust)
      try await test.engine.create(tenant, epoch: .first)
      try await body(directory, test)
      await test.close()
    }
  }

  @Test func `a repeat is answered byte for byte and does nothing, also after a restart`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let first = try await TestEngine(directory)
      try await first.engine.create(tenant, epoch: .first)
      let answer = try await pay(first, claim("a"), 1)
      #expect(try await pay(first, claim("a"), 2) == answer)
      #expect(try await first.counts() == [1, 1])
      await first.close()
      // From the journal alone: the answer is part of the command's record.
      removeTree("\(directory)/tenants")
      let second = try await TestEngine(directory)
      #expect(try await pay(second, claim("a"), 3) == answer)
      #expect(try await second.counts() == [1, 1])
      await second.close()
    }
  }

  @Test func `repeats that come together have one effect`() async throws {
    try await withEngine { _, test in
      let answers = try await withThrowingTaskGroup(of: StoredAnswer.self) { group in
        for id in 1...20 { group.addTask { try await pay(test, claim("a"), Int64(id)) } }
        return try await group.reduce(into: Set()) { $0.insert($1) }
      }
      #expect(answers.count == 1)
      #expect(try await test.counts() == [1, 1])
    }
  }

  @Test func `another payload under the key is a conflict, another principal's key is not`()
    async throws
  {
    try await withEngine { _, test in
      _ = try await pay(test, claim("a"), 1)
      #expect(
        await refusal { () async throws(Failure) in
          _ = try await pay(test, claim("a", payload: 2), 2)
        } == .idempotencyConflict)
      _ = try await pay(test, claim("a", payload: 2, principal: "key2"), 2)
      #expect(try await test.counts() == [2, 2])
    }
  }

  @Test func `a refusal is not stored: the same key may succeed later`() async throws {
    try await withEngine { _, test in
      let code = await refusal { () async throws(Failure) in
        _ = try await test.engine.perform(tenant, origin, claim("a")) { _ in
          throw Failure(.insufficientFunds, "not yet")
        }
      }
      #expect(code == .insufficientFunds)
      let answer = try await pay(test, claim("a"), 1)
      #expect(answer.status == 201)
    }
  }

  @Test func `a key is kept for its time and free after it`() async throws {
    try await withEngine { _, test in
      let first = try await pay(test, claim("a"), 1)
      test.clock.advance(milliseconds: 86_399_000)
      #expect(try await pay(test, claim("a"), 2) == first)
      test.clock.advance(milliseconds: 2_000)
      #expect(try await pay(test, claim("a"), 3) != first)
      #expect(try await test.counts() == [2, 2])
      _ = try await test.engine.digest(tenant, recompute: true)
    }
  }

  @Test func `at the bound new keys are refused, none is evicted, and time makes room`()
    async throws
  {
    try await withEngine({ $0.idempotencyKeys = 3 }) { _, test in
      for id in 1...3 { _ = try await pay(test, claim("k\(id)"), Int64(id)) }
      #expect(
        await refusal { () async throws(Failure) in
          _ = try await pay(test, claim("k4"), 4)
        } == .idempotencyTableFull)
      #expect(try await test.counts() == [3, 3])
      for id in 1...3 {
        #expect(try await pay(test, claim("k\(id)"), 9).body == Array("\(id)".utf8))
      }
      test.clock.advance(milliseconds: 86_401_000)
      _ = try await pay(test, claim("k4"), 4)
      let rows = try await test.engine.read(tenant, [.ledger]) {
        try $0.file(.ledger).first("SELECT count(*) FROM aimstors_idempotency") { $0.int(0) }
      }
      #expect(rows == 1)
      #expect(try await test.counts() == [4, 4])
    }
  }

  @Test func `at the bound what may go unkept has its effect, and is kept once there is room`()
    async throws
  {
    try await withEngine({ $0.idempotencyKeys = 2 }) { _, test in
      for id in 1...2 { _ = try await pay(test, claim("k\(id)"), Int64(id)) }
      let urgent = claim("u", mayGoUnkept: true)
      for id in Int64(3)...4 {
        #expect(try await pay(test, urgent, id).body == Array("\(id)".utf8))
      }
      #expect(try await test.counts() == [4, 4])
      // What was kept is neither evicted for it nor run again.
      #expect(try await pay(test, claim("k1", mayGoUnkept: true), 9).body == Array("1".utf8))
      #expect(
        await refusal { () async throws(Failure) in
          _ = try await pay(test, claim("k3"), 9)
        } == .idempotencyTableFull)
      test.clock.advance(milliseconds: 86_401_000)
      for id in Int64(5)...6 {
        #expect(try await pay(test, urgent, id).body == Array("5".utf8))
      }
      #expect(try await test.counts() == [5, 5])
    }
  }
}
