import Platform
import Simulation
import Testing
import Wire

@testable import Storage

/// Random schedules of appends, kills and power losses: what was acknowledged is always there.
@Suite("Journal power loss") struct JournalPowerLossTests {
  /// What one run knows to be durable, and what it tried last.
  private struct Model {
    var acknowledged: [SHA256Hash] = []
    var attempted: [SHA256Hash] = []
  }

  @Test(arguments: 0..<120)
  func `power lost at any call keeps what was acknowledged`(_ seed: Int) throws {
    var random = TestRandom(seed: UInt64(seed))
    let bench = JournalBench(segmentBytes: 4096)
    var model = Model()
    for _ in 0..<6 {
      bench.disk.losePower(afterCalls: Int(random.below(60)))
      do { try run(bench, &model, &random) } catch is FileError {} catch is JournalError {}
      if random.below(3) == 0 {
        bench.disk.kill()
      } else {
        bench.disk.losePower(random.below(4) == 0 ? .lost : .mixed(seed: random.next()))
      }
      try check(bench, &model)
    }
    #expect(!model.acknowledged.isEmpty)
  }

  /// Opens the journal and appends until something fails.
  private func run(_ bench: JournalBench, _ model: inout Model, _ random: inout TestRandom) throws {
    let (writer, opened, _) = try bench.openWriter()
    defer { writer.close() }
    #expect(opened.catalog.damage.isEmpty)
    for _ in 0..<40 {
      let group = try (0..<(1 + random.below(3))).map { _ in
        try bench.record("t\(random.below(3))", size: Int(random.below(600)))
      }
      model.attempted = group.map(\.hash)
      guard case .durable = writer.write(group) else { return }
      model.acknowledged += model.attempted
      model.attempted = []
    }
  }

  /// Everything acknowledged is there in order; behind it at most the group that was tried last.
  private func check(_ bench: JournalBench, _ model: inout Model) throws {
    let (writer, opened, catalog) = try bench.openWriter()
    #expect(opened.catalog.damage.isEmpty)
    #expect(opened.isWritable)
    let found = try bench.records(catalog.withLock { $0 })
    let hashes = found.map(\.hash)
    let whole = model.acknowledged + model.attempted
    #expect(hashes == model.acknowledged || hashes == whole)
    // What recovery showed is durable from here on, whatever it was before.
    model.acknowledged = hashes
    model.attempted = []
    var chains: [TenantID: JournalRecord] = [:]
    for record in found { chains[record.identity.tenant] = record }
    for tenant in ["t0", "t1", "t2"] {
      let last = chains[TenantID(trusted: tenant)]
      bench.rewind(tenant, to: last?.identity.tenantSeq ?? .zero, last?.hash ?? .zero)
    }
    writer.close()
    opened.lock.release()
  }

  @Test func `what was read after a kill survives a later power loss`() throws {
    let bench = JournalBench()
    let (writer, _, _) = try bench.openWriter()
    #expect(
      writer.write([try bench.record("acme")]) == .durable(first: CellSeq(1), last: CellSeq(1)))
    // Killed between write and fsync: the group is in the page cache only.
    bench.disk.inject(.init(.sync, call: 1, .error(SystemErrors.io)))
    _ = writer.write([try bench.record("acme")])
    bench.disk.kill()

    let second = try bench.openWriter()
    #expect(second.opened.catalog.lastSeq == CellSeq(2), "the cache was kept")
    bench.disk.losePower(.lost)
    let third = try bench.openWriter()
    #expect(third.opened.catalog.lastSeq == CellSeq(2), "what was shown once stays")
    #expect(third.opened.catalog.damage.isEmpty)
  }

  @Test func `without a fsync a group is lost with the power`() throws {
    let bench = JournalBench()
    let (writer, _, _) = try bench.openWriter()
    #expect(
      writer.write([try bench.record("acme")]) == .durable(first: CellSeq(1), last: CellSeq(1)))
    bench.disk.inject(.init(.sync, call: 1, .error(SystemErrors.io)))
    _ = writer.write([try bench.record("acme")])
    bench.disk.losePower(.lost)
    #expect(try bench.openWriter().opened.catalog.lastSeq == CellSeq(1))
  }
}
