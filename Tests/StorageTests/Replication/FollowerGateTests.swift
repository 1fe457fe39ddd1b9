import Platform
import Testing
import Wire

@testable import Storage

@Suite("Follower gate") struct FollowerGateTests {
  private static let other = TenantID(trusted: "t2")

  /// An engine whose tenant exists and waits for follower `f`.
  private func gated(
    _ directory: String, _ adjust: @escaping @Sendable (inout FollowerGate.Configuration) -> Void
  ) async throws -> (TestEngine, FollowerGate) {
    let test = try await TestEngine(directory) { configuration in
      configuration.followerGate.modes = DurabilityModes(cell: .follower)
      // Time is over where a test says so, not where the machine is busy.
      configuration.followerGate.deadlineNanoseconds = 600_000_000_000
      adjust(&configuration.followerGate)
    }
    try await test.engine.create(TestEngine.tenant, epoch: .first)
    try await test.engine.create(Self.other, epoch: .first)
    let gate = try #require(test.engine.journal?.gate)
    return (test, gate)
  }

  private func untilWaiting(_ gate: FollowerGate) async {
    while gate.waiting.all == 0 { await Task.yield() }
  }

  /// Acknowledges everything again and again, until `task` ends.
  private func acknowledged<T: Sendable>(
    _ test: TestEngine, _ body: @escaping @Sendable () async throws -> T
  ) async throws -> T {
    let task = Task { try await body() }
    let feeding = Task {
      while !Task.isCancelled {
        if let journal = test.engine.journal {
          journal.gate.acknowledge("f", through: journal.lastSeq)
        }
        await Task.yield()
      }
    }
    defer { feeding.cancel() }
    return try await task.value
  }

  @Test func `an answer waits for the follower, and is not seen before`() async throws {
    try await withTemporaryDirectory { directory in
      let (test, gate) = try await gated(directory) { _ in }
      try await test.pay(1)
      gate.require(["f"])
      let paid = Task { try await test.pay(2) }
      await untilWaiting(gate)
      let journal = try #require(test.engine.journal)
      let value5 = try await test.counts()
      #expect(value5 == [1, 1])
      #expect(journal.modeMark.value < journal.lastSeq.rawValue)
      gate.acknowledge("f", through: journal.lastSeq)
      try await paid.value
      let value6 = try await test.counts()
      #expect(value6 == [2, 2])
      #expect(journal.modeMark.value == journal.lastSeq.rawValue)
      await test.close()
    }
  }

  @Test func `without an answer in time the outcome is unknown, and true later`() async throws {
    try await withTemporaryDirectory { directory in
      let (test, gate) = try await gated(directory) { _ in }
      try await test.pay(1)
      gate.require(["f"])
      let paid = Task { try await test.pay(2) }
      await untilWaiting(gate)
      gate.expire(at: .max)
      let code1 = await refusal { try await paid.value }
      #expect(code1 == .outcomeUnknown)
      // Read as it was, not written.
      let value7 = try await test.counts()
      #expect(value7 == [1, 1])
      let code2 = await refusal { try await test.pay(3) }
      #expect(code2 == .recovering)
      #expect(test.engine.problems.map(\.code) == ["tenant_unacknowledged"])
      let journal = try #require(test.engine.journal)
      gate.acknowledge("f", through: journal.lastSeq)
      while test.engine.problems.isEmpty == false { await Task.yield() }
      let value8 = try await test.counts()
      #expect(value8 == [2, 2])
      try await acknowledged(test) { try await test.pay(3) }
      let value9 = try await test.counts()
      #expect(value9 == [3, 3])
      let value13 = try await test.engine.digest(TestEngine.tenant, recompute: true).recomputed
      #expect(value13)
      await test.close()
    }
  }

  @Test func `who is not asked any more holds nothing back`() async throws {
    try await withTemporaryDirectory { directory in
      let (test, gate) = try await gated(directory) { _ in }
      gate.require(["f"])
      let paid = Task { try await test.pay(1) }
      await untilWaiting(gate)
      gate.require([])
      try await paid.value
      let value10 = try await test.counts()
      #expect(value10 == [1, 1])
      await test.close()
    }
  }

  @Test func `every follower that is asked must have it`() async throws {
    try await withTemporaryDirectory { directory in
      let (test, gate) = try await gated(directory) { _ in }
      gate.require(["f", "g"])
      let paid = Task { try await test.pay(1) }
      await untilWaiting(gate)
      let journal = try #require(test.engine.journal)
      gate.acknowledge("f", through: journal.lastSeq)
      #expect(gate.waiting.all == 1)
      gate.acknowledge("g", through: journal.lastSeq)
      try await paid.value
      await test.close()
    }
  }

  @Test func `a tenant in local mode waits for nobody`() async throws {
    try await withTemporaryDirectory { directory in
      let (test, gate) = try await gated(directory) { $0.modes.set(.local, for: Self.other) }
      gate.require(["f"])
      let paid = Task { try await test.pay(1) }
      await untilWaiting(gate)
      try await test.pay(1, Self.other)
      let value11 = try await test.counts(Self.other)
      #expect(value11 == [1, 1])
      let journal = try #require(test.engine.journal)
      gate.acknowledge("f", through: journal.lastSeq)
      try await paid.value
      await test.close()
    }
  }

  @Test func `once fenced nothing is acknowledged, whatever comes`() async throws {
    try await withTemporaryDirectory { directory in
      let (test, gate) = try await gated(directory) { $0.modes.set(.local, for: Self.other) }
      gate.require(["f"])
      let paid = Task { try await test.pay(1) }
      await untilWaiting(gate)
      gate.fence()
      let code3 = await refusal { try await paid.value }
      #expect(code3 == .outcomeUnknown)
      let journal = try #require(test.engine.journal)
      gate.acknowledge("f", through: journal.lastSeq)
      gate.require([])
      #expect(gate.waiting.all == 1)
      for tenant in [TestEngine.tenant, Self.other] {
        let code4 = await refusal { try await test.pay(2, tenant) }
        #expect(code4 == .generationFenced)
      }
      await test.close()
    }
  }

  @Test func `what is held at a restart is sent before it counts as durable in its mode`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let (first, _) = try await gated(directory) { _ in }
      try await first.pay(1)
      await first.close()
      let again = try await TestEngine(directory) { configuration in
        configuration.followerGate.modes = DurabilityModes(cell: .follower)
        configuration.followerGate.required = ["f"]
        configuration.followerGate.deadlineNanoseconds = 600_000_000_000
      }
      let journal = try #require(again.engine.journal)
      #expect(journal.modeMark.value == 0)
      journal.gate.acknowledge("f", through: CellSeq(1))
      #expect(journal.modeMark.value == 1)
      journal.gate.acknowledge("f", through: journal.lastSeq)
      #expect(journal.modeMark.value == journal.lastSeq.rawValue)
      await again.close()
    }
  }
}

/// The code of what `body` throws; nil where it does not, or throws something else.
func refusal(_ body: () async throws -> Void) async -> FailureCode? {
  do {
    try await body()
    return nil
  } catch {
    return (error as? Failure)?.code
  }
}
