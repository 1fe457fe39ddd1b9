import StorageFixtures
import Testing
import Wire

@testable import Storage

/// Each limit of the write path is reached, and answers as it is documented in docs/limits.md.
@Suite("Limits of the write path", .timeLimit(.minutes(10))) struct LimitTests {
  private let tenant = TestEngine.tenant

  /// Puts commands into mailboxes while the tenant `gatekeeper` holds the only writer thread, and
  /// answers who ran in which order.
  private func orderWhenStalled(
    _ commands: [(tenant: TenantID, count: Int)], directory: String,
    _ adjust: (inout EngineConfiguration) -> Void = { _ in },
    _ body: @escaping @Sendable (Transaction, Int64) throws -> Void
  ) async throws -> (order: [TenantID], metrics: EngineMetricsSnapshot) {
    let test = try await TestEngine(directory) {
      $0.writerThreads = 1
      adjust(&$0)
    }
    let gatekeeper = TenantID(trusted: "gatekeeper")
    for tenant in [gatekeeper] + commands.map(\.tenant) {
      try await test.engine.create(tenant, epoch: .first)
    }
    let gate = Gate()
    async let holding: Void = test.write(gatekeeper) { _ in gate.pass() }
    await gate.entered.wait(for: 1)
    let ran = Events<TenantID>()
    let answered = Events<FailureCode?>()
    var id: Int64 = 0
    for (tenant, count) in commands {
      let writer = try test.engine.writer(tenant)
      for _ in 0..<count {
        id += 1
        let before = writer.depth
        Task { [id] in
          answered.add(
            await refusal { () async throws(Failure) in
              try await test.write(tenant) { transaction in
                ran.add(tenant)
                try body(transaction, id)
              }
            })
        }
        while writer.depth == before { await Task.yield() }
      }
    }
    gate.open()
    try await holding
    await answered.wait(for: commands.reduce(0) { $0 + $1.count })
    #expect(answered.all.allSatisfy { $0 == nil })
    let metrics = test.engine.metrics
    await test.close()
    return (ran.all, metrics)
  }

  @Test func `the limits are those of the architecture`() {
    let limits = EngineConfiguration(directory: "/", cell: CellID(trusted: "c"))
    #expect(limits.batchCommands == 256)
    #expect(limits.batchBytes == 1 << 20)
    #expect(limits.batchTime == .milliseconds(5))
    #expect(JournalLimits.recordBytes == 2 << 20)
    // The rest of a record is its frame.
    #expect(limits.commandBytes == (2 << 20) - (16 << 10))
    #expect(limits.mailboxCommands == 1_024)
    #expect(limits.mailboxBytes == 8 << 20)
    #expect(limits.replayBytes <= 512 << 20)
    #expect(limits.replayBatch == 1_000)
    #expect((2...4).contains(limits.writerThreads))
    let journal = JournalConfiguration(directory: "/", cell: CellID(trusted: "c"))
    #expect(journal.reserveBytes == 16 << 20)
    #expect(journal.groupWaitNanoseconds == 1_000_000)
  }

  @Test func `a batch has at most 256 commands`() async throws {
    try await withTemporaryDirectory { directory in
      let (order, metrics) = try await orderWhenStalled([(tenant, 300)], directory: directory) {
        try TestSchema.pay($0, $1)
      }
      #expect(order.count == 300)
      // The gatekeeper's, the first, which makes the two files' first steps known, and the rest.
      #expect(metrics.commands == 301)
      #expect(metrics.batches == 3)
    }
  }

  @Test func `a batch ends when it holds 1 MiB of changes`() async throws {
    try await withTemporaryDirectory { directory in
      let (order, metrics) = try await orderWhenStalled([(tenant, 5)], directory: directory) {
        try $0.file(.messages).run(
          "INSERT INTO messages (id, body, raw) VALUES (?, '', zeroblob(400000))", .integer($1))
      }
      #expect(order.count == 5)
      // Three are the first to pass 1 MiB; two are left.
      #expect(metrics.batches == 3)
    }
  }

  @Test func `a batch ends when its time is over`() async throws {
    try await withTemporaryDirectory { directory in
      let (_, metrics) = try await orderWhenStalled(
        [(tenant, 4)], directory: directory, { $0.batchTime = .zero }
      ) { try TestSchema.pay($0, $1) }
      #expect(metrics.batches == 5)
    }
  }

  @Test func `a command that changes more than a record holds is refused`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory)
      try await test.engine.create(tenant, epoch: .first)
      func insert(_ id: Int64, bytes: Int) async -> FailureCode? {
        await refusal { () async throws(Failure) in
          _ = try await test.write { transaction in
            try transaction.file(.messages).run(
              "INSERT INTO messages (id, body, raw) VALUES (?, '', zeroblob(?))", .integer(id),
              .int(bytes))
          }
        }
      }
      let most = EngineConfiguration(directory: "", cell: CellID(trusted: "c")).commandBytes
      #expect(await insert(1, bytes: most - 1_024) == nil)
      #expect(await insert(2, bytes: most + 1) == .bodyTooLarge)
      #expect(await insert(3, bytes: 10) == nil)
      #expect(try await test.counts() == [0, 2])
      await test.close()
    }
  }

  @Test func `a tenant that floods its mailbox gets one batch, then its neighbours their turn`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let flood = TenantID(trusted: "flood")
      let neighbours = (1...3).map { TenantID(trusted: "neighbour-\($0)") }
      let (order, _) = try await orderWhenStalled(
        [(flood, 900)] + neighbours.map { ($0, 1) }, directory: directory
      ) { try TestSchema.pay($0, $1) }
      // 900 commands wait before the first of theirs, and 256 of them run before it.
      #expect(order.prefix(256).allSatisfy { $0 == flood })
      #expect(Array(order[256..<259]) == neighbours)
      #expect(order.count == 903)
    }
  }

  @Test func `whoever floods again waits behind those who came meanwhile`() async throws {
    try await withTemporaryDirectory { directory in
      let tenants = (1...4).map { TenantID(trusted: "t-\($0)") }
      let (order, _) = try await orderWhenStalled(
        tenants.map { ($0, 6) }, directory: directory, { $0.batchCommands = 2 }
      ) { try TestSchema.pay($0, $1) }
      // Everybody has had a first batch before anybody has a second: no turn is taken twice.
      #expect(Set(order.prefix(8)) == Set(tenants))
      #expect(tenants.allSatisfy { tenant in order.prefix(8).count { $0 == tenant } == 2 })
    }
  }
}
