import StorageFixtures
import Testing
import Wire

@testable import Storage

@Suite("Admission and sharing") struct AdmissionTests {
  private let tenant = TestEngine.tenant

  /// Fills a stalled mailbox and answers what the next command hears.
  private func refusalWhenStalled(
    waiting: Int, bytes: Int = 512, _ adjust: (inout EngineConfiguration) -> Void
  ) async throws -> (Failure?, EngineMetricsSnapshot) {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory, adjust)
      try await test.engine.create(tenant, epoch: .first)
      let gate = Gate()
      async let holding: Void = test.write { _ in gate.pass() }
      await gate.entered.wait(for: 1)
      let writer = try test.engine.writer(tenant)
      let answered = Events<FailureCode?>()
      for _ in 0..<waiting {
        let before = writer.depth
        Task {
          answered.add(
            await refusal { () async throws(Failure) in try await test.write(bytes: bytes) { _ in }
            })
        }
        while writer.depth == before { await Task.yield() }
      }
      let refused: Failure?
      do throws(Failure) {
        try await test.write(bytes: bytes) { _ in }
        refused = nil
      } catch {
        refused = error
      }
      let metrics = test.engine.metrics
      gate.open()
      try await holding
      await answered.wait(for: waiting)
      #expect(answered.all.allSatisfy { $0 == nil })
      await test.close()
      return (refused, metrics)
    }
  }

  @Test func `a full mailbox refuses by number`() async throws {
    let (refused, metrics) = try await refusalWhenStalled(waiting: 4) { $0.mailboxCommands = 4 }
    #expect(refused?.code == .mailboxFull)
    #expect(refused?.retryAfterMilliseconds == 1_000)
    #expect(metrics.sheds == [.mailbox: 1])
    #expect(metrics.queuedCommands == 4)
  }

  @Test func `a full mailbox refuses by bytes`() async throws {
    let (refused, _) = try await refusalWhenStalled(waiting: 2, bytes: 4_000) {
      $0.mailboxBytes = 9_000
    }
    #expect(refused?.code == .mailboxFull)
    #expect(refused?.retryAfterMilliseconds == 1_000)
  }

  @Test func `a full cell refuses whoever comes`() async throws {
    let (refused, metrics) = try await refusalWhenStalled(waiting: 3) { $0.cellCommands = 3 }
    #expect(refused?.code == .overloaded)
    #expect(refused?.retryAfterMilliseconds == 1_000)
    #expect(metrics.sheds == [.cell: 1])
  }

  @Test func `a full cell refuses by bytes, whoever comes`() async throws {
    let (refused, metrics) = try await refusalWhenStalled(waiting: 2, bytes: 4_000) {
      $0.cellBytes = 9_000
    }
    #expect(refused?.code == .overloaded)
    #expect(refused?.retryAfterMilliseconds == 1_000)
    #expect(metrics.sheds == [.cell: 1])
  }

  @Test func `a command past its deadline is dropped unrun`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory)
      try await test.engine.create(tenant, epoch: .first)
      let ran = Events<Void>()
      let code = await refusal { () async throws(Failure) in
        try await test.write(deadline: .now - .seconds(1)) { _ in ran.add(()) }
      }
      #expect(code == .deadlineExceeded)
      #expect(ran.all.isEmpty)
      #expect(test.engine.metrics.sheds == [.deadline: 1])
      await test.close()
    }
  }

  @Test func `with room for few open tenants many write, and nothing is lost`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory) { $0.openTenants = 4 }
      let tenants = (1...16).map { TenantID(trusted: "t\($0)") }
      for tenant in tenants { try await test.engine.create(tenant, epoch: .first) }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for caller in 0..<32 {
          group.addTask {
            for turn in 0..<12 {
              let tenant = tenants[(caller * 5 + turn * 3) % tenants.count]
              try await test.pay(Int64(caller * 1_000 + turn), tenant)
              if turn % 4 == 0 { _ = try await test.counts(tenant) }
            }
          }
        }
        try await group.waitForAll()
      }
      var total = 0
      for tenant in tenants {
        let counts = try await test.counts(tenant)
        #expect(counts[0] == counts[1])
        total += counts[0]
        _ = try await test.engine.digest(tenant, recompute: true)
      }
      #expect(total == 32 * 12)
      #expect(test.engine.metrics.openTenants <= 6)
      await test.close()
    }
  }

  @Test func `a read of several files sees one moment`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory)
      try await test.engine.create(tenant, epoch: .first)
      try await test.pay(0)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for caller in 1...4 {
          group.addTask {
            for turn in 0..<60 { try await test.pay(Int64(caller * 1_000 + turn)) }
          }
        }
        for _ in 0..<4 {
          group.addTask {
            var last = 0
            for _ in 0..<80 {
              let counts = try await test.counts()
              #expect(counts[0] == counts[1])
              #expect(counts[0] >= last)
              last = counts[0]
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await test.counts() == [241, 241])
      await test.close()
    }
  }

  @Test func `more reads than a process has room for are refused`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory) { $0.readsInFlight = 0 }
      try await test.engine.create(tenant, epoch: .first)
      let refused = await #expect(throws: Failure.self) { _ = try await test.counts() }
      #expect(refused?.code == .overloaded)
      #expect(refused?.retryAfterMilliseconds == 500)
      #expect(test.engine.metrics.sheds == [.reads: 1])
      await test.close()
    }
  }

  @Test func `more media than a process has room for are refused`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory) { $0.mediaInFlight = 0 }
      try await test.engine.create(tenant, epoch: .first)
      let refused = await #expect(throws: Failure.self) {
        _ = try await test.engine.putMedia(tenant, [1, 2, 3])
      }
      #expect(refused?.code == .overloaded)
      #expect(refused?.retryAfterMilliseconds == 1_000)
      await test.close()
    }
  }

  @Test func `a reader cannot write, and a command cannot hide in a read`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory)
      try await test.engine.create(tenant, epoch: .first)
      try await test.pay(1)
      let code = await refusal { () async throws(Failure) in
        try await test.engine.read(tenant, [.messages]) {
          _ = try $0.file(.messages).run("DELETE FROM messages")
        }
      }
      #expect(code == .internalError)
      #expect(try await test.counts() == [1, 1])
      await test.close()
    }
  }
}
