import Platform
import Simulation
import StorageFixtures
import Synchronization
import Testing
import Wire

@testable import Storage

/// A tenant whose files the disk refused goes on by itself once the disk takes them.
@Suite("Stalled tenants", .timeLimit(.minutes(10))) struct StalledTenantTests {
  private let tenant = TestEngine.tenant
  private static let vfsCount = Atomic(0)

  /// Journal and SQLite on one disk, whose room is what the test says.
  private static func start(_ disk: SimulatedDisk) async throws -> TestEngine {
    let files = disk.fileSystem()
    let number = vfsCount.wrappingAdd(1, ordering: .relaxed).newValue
    let vfs = FileSystemVFS(name: "stalled-\(number)", files: files)
    return try await TestEngine("/data", files: files) {
      $0.vfs = vfs.name
      $0.flushInterval = .milliseconds(5)
      $0.adjustJournal = {
        $0.groupBytes = 256 * 1_024
        $0.segmentBytes = 256 * 1_024
        $0.reserveBytes = 0
        $0.preparesAhead = false
      }
    }
  }

  private func served(_ test: TestEngine) async throws -> [Int] {
    while true {
      do throws(Failure) {
        return try await test.counts()
      } catch {
        #expect(error.code == .recovering)
        await Task.yield()
      }
    }
  }

  @Test func `a COMMIT and its replay that find the disk full stall the tenant until it is freed`()
    async throws
  {
    let disk = SimulatedDisk()
    let test = try await Self.start(disk)
    try await test.engine.create(tenant, epoch: .first)
    try await test.pay(1)
    // The journal's segment has its room; SQLite's WAL has to grow.
    disk.limitFreeBytes(0)
    let effects = Events<Int>()
    let code = await refusal { () async throws(Failure) in
      try await test.write { transaction in
        try TestSchema.pay(transaction, 2)
        transaction.afterCommit { effects.add(2) }
      }
    }
    #expect(code == .outcomeUnknown)
    #expect(test.engine.heads[tenant]?.tenantSeq == TenantSeq(3))
    for _ in 0..<3 {
      #expect(await refusal { () async throws(Failure) in try await test.pay(3) } == .recovering)
      #expect(
        await refusal { () async throws(Failure) in _ = try await test.counts() } == .recovering)
    }
    #expect(test.engine.problems.map(\.code) == ["tenant_stalled"])
    #expect(test.engine.problems.map(\.runbook) == ["docs/runbooks/tenant-stalled.md"])
    #expect(effects.all.isEmpty)
    disk.limitFreeBytes(.max)
    #expect(try await served(test) == [2, 2])
    #expect(effects.all == [2])
    #expect(test.engine.problems.isEmpty)
    try await test.pay(3)
    let digest = try await test.engine.digest(tenant, recompute: true)
    await test.close()
    disk.losePower(.lost)
    let again = try await Self.start(disk)
    #expect(try await again.engine.digest(tenant, recompute: true) == digest)
    await again.close()
  }

  @Test func `what a start finds no room to replay is replayed when there is room`() async throws {
    let disk = SimulatedDisk()
    let first = try await Self.start(disk)
    try await first.engine.create(tenant, epoch: .first)
    for id in 1...6 {
      try await first.write { transaction in
        try TestSchema.pay(transaction, Int64(id))
        try transaction.file(.messages).run(
          "UPDATE messages SET raw = zeroblob(150000) WHERE id = ?", .int(id))
      }
    }
    let digest = try await first.engine.digest(tenant, recompute: true)
    await first.close()
    for path in disk.paths where path.contains(".sqlite") { disk.remove(path) }
    disk.kill()
    // Enough for the journal's last segment, which a start copies, and not for the files.
    disk.limitFreeBytes(400 * 1_024)
    let second = try await Self.start(disk)
    #expect(second.report.stopped == [tenant])
    #expect(second.engine.problems.map(\.code) == ["tenant_stalled"])
    #expect(await refusal { () async throws(Failure) in try await second.pay(7) } == .recovering)
    disk.limitFreeBytes(.max)
    #expect(try await served(second) == [6, 6])
    #expect(try await second.engine.digest(tenant, recompute: true) == digest)
    #expect(second.engine.problems.isEmpty)
    await second.close()
  }

  @Test func `a file that cannot be made yet is made later, and nobody was told otherwise`()
    async throws
  {
    let disk = SimulatedDisk()
    let test = try await Self.start(disk)
    try await test.engine.create(tenant, epoch: .first)
    disk.limitFreeBytes(2_000)
    #expect(await refusal { () async throws(Failure) in try await test.pay(1) } == .recovering)
    disk.limitFreeBytes(.max)
    #expect(try await served(test) == [0, 0])
    try await test.pay(1)
    #expect(try await test.counts() == [1, 1])
    await test.close()
  }

  @Test func `a stalled tenant holds up neither the end of its cell nor the next start`()
    async throws
  {
    let disk = SimulatedDisk()
    let test = try await Self.start(disk)
    try await test.engine.create(tenant, epoch: .first)
    try await test.pay(1)
    disk.limitFreeBytes(0)
    _ = await refusal { () async throws(Failure) in try await test.pay(2) }
    await test.close()
    disk.limitFreeBytes(.max)
    let again = try await Self.start(disk)
    #expect(again.report.stopped.isEmpty)
    #expect(again.report.records == 1)
    #expect(try await again.counts() == [2, 2])
    await again.close()
  }
}
