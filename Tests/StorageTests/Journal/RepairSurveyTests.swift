import Platform
import Simulation
import Testing
import Wire

@testable import Storage

/// Whom a repair names, and what it leaves where a crash ends it.
@Suite("What a repair tells of tenants") struct RepairSurveyTests {
  private let a = TenantID(trusted: "a")
  private let b = TenantID(trusted: "b")
  private let idle = TenantID(trusted: "idle")

  /// Groups of one record in segments of a few groups; behind them a checkpoint of all heads.
  private func filled(_ names: [String]) throws -> JournalBench {
    let bench = JournalBench(segmentBytes: 4096)
    let (writer, opened, _) = try bench.openWriter()
    for (index, name) in names.enumerated() {
      let seq = CellSeq(UInt64(index + 1))
      #expect(writer.write([try bench.record(name, size: 300)]) == .durable(first: seq, last: seq))
    }
    writer.close()
    opened.lock.release()
    let again = try open(bench)
    let checkpoint = HeadsCheckpoint(through: again.catalog.lastSeq, heads: again.heads)
    try HeadsFile.write(
      HeadsFile.encode(checkpoint, cell: bench.configuration.cell, generation: .first),
      directory: bench.configuration.directory, files: bench.disk.fileSystem())
    return bench
  }

  /// Records of a and b in turn.
  private func inTurn(_ count: Int) -> [String] { (0..<count).map { $0 % 2 == 0 ? "a" : "b" } }

  private func open(_ bench: JournalBench) throws -> JournalOpening.Result {
    let (writer, opened, _) = try bench.openWriter()
    writer.close()
    opened.lock.release()
    return opened
  }

  private func spoil(_ bench: JournalBench, _ positions: [UInt64]) throws {
    let groups = try JournalInspection.run(
      directory: bench.configuration.directory, files: bench.disk.fileSystem(), detail: .groups
    ).groups.filter { $0.kind == "records" && positions.contains($0.firstSeq.rawValue) }
    #expect(groups.count == positions.count)
    for group in groups {
      bench.disk.edit("\(bench.configuration.directory)/\(group.segment)") {
        $0[Int(group.offset) + 20] ^= 1
      }
    }
  }

  private func verify(_ bench: JournalBench) throws -> JournalVerification {
    try JournalVerification.run(
      directory: bench.configuration.directory, files: bench.disk.fileSystem())
  }

  @Test func `of two ranges of one tenant the first one says what it keeps`() throws {
    let bench = try filled(inTurn(30))
    // Tenant a's fourth and tenth records.
    try spoil(bench, [7, 19])
    let losses = try bench.repair([a: TenantSeq(3), b: TenantSeq(15)]).ranges.map(\.losses)
    try #require(losses.map { $0.map(\.tenant) } == [[a], [a]])
    #expect(losses[0][0].lostFrom == TenantSeq(4) && losses[0][0].lostThrough == TenantSeq(15))
    #expect(losses[0][0].voidRecords == 10 && losses[1][0].voidRecords == 0)
    #expect(losses[1][0].lostFrom == TenantSeq(10) && losses[1][0].lostThrough == TenantSeq(10))
    #expect(!losses[0][0].needsRestore && !losses[1][0].needsRestore)
    let verified = try verify(bench)
    #expect(verified.ok && verified.voidRecords == 10)
    let heads = try open(bench).heads
    #expect(heads[a]?.tenantSeq == TenantSeq(3) && heads[a]?.cellSeq == CellSeq(5))
    #expect(heads[b]?.tenantSeq == TenantSeq(15))
  }

  /// What is lost, and where the files of a and of b stand.
  ///
  /// `30`: the checkpoint's last head lies in the damage itself.
  private static let cases: [(lost: [UInt64], a: UInt64, b: UInt64)] = [
    ([7], 3, 15), ([7, 19], 3, 15), ([30], 15, 14), ([20, 30], 15, 9),
  ]

  @Test(arguments: Self.cases)
  func `a repair that ended at any call is made again, and a start needs none`(
    lost: [UInt64], standA: UInt64, standB: UInt64
  ) throws {
    let source = try filled(inTurn(30))
    try spoil(source, lost)
    let applied = [a: TenantSeq(standA), b: TenantSeq(standB)]
    let whole = JournalBench(disk: source.disk.copy(), segmentBytes: 4096)
    _ = try whole.repair(applied)
    let expected = try open(whole).heads
    #expect(expected.mapValues(\.tenantSeq) == applied)
    var startsBetween = 0
    var isEnded = false
    var calls = 0
    while !isEnded {
      defer { calls += 1 }
      let bench = JournalBench(disk: source.disk.copy(), segmentBytes: 4096)
      bench.disk.losePower(afterCalls: calls)
      do {
        _ = try bench.repair(applied)
        isEnded = true
      } catch is FileError {} catch is JournalError {}
      bench.disk.losePower(.lost)
      let started = JournalBench(disk: bench.disk.copy(), segmentBytes: 4096)
      let opened = try open(started)
      if opened.catalog.damage.isEmpty {
        startsBetween += isEnded ? 0 : 1
        #expect(opened.heads == expected, "a start after \(calls) calls")
      }
      do { _ = try bench.repair(applied) } catch JournalError.noSuchDamage {}
      #expect(try verify(bench).ok, "after \(calls) calls")
      #expect(try open(bench).heads == expected, "after \(calls) calls")
    }
    #expect(startsBetween > 0)
  }

  @Test(arguments: [false, true])
  func `who has no record in the range is not named where its past is trimmed`(
    isNamed: Bool
  ) throws {
    let bench = try trimmed(isNamed ? [21] : [20, 21])
    // One of its files was not written for long: a list needs no proof that the others had nothing.
    let behind = TenantSeq(isNamed ? 1 : 2)
    let range = try #require(try repair(bench, idle: [behind, TenantSeq(3)]).ranges.first)
    #expect(range.losses.map(\.tenant) == (isNamed ? [a] : [a, b]))
    #expect(range.othersPossible == !isNamed)
    #expect(try open(bench).heads[idle]?.tenantSeq == TenantSeq(3))
  }

  @Test func `whose files lack what the first record behind the range follows is named`() throws {
    let bench = try trimmed([20, 21])
    let range = try #require(try repair(bench, idle: [TenantSeq(1)]).ranges.first)
    #expect(range.losses.map(\.tenant) == [a, b, idle])
    #expect(range.losses.last?.lostThrough == TenantSeq(2))
    #expect(range.losses.last?.needsRestore == true)
  }

  /// The start has stopped it: what one file has proves nothing of another after a power loss.
  @Test func `whose other files are ahead is named all the same`() throws {
    let bench = try trimmed([20, 21])
    let range = try #require(try repair(bench, idle: [TenantSeq(1), TenantSeq(3)]).ranges.first)
    #expect(range.losses.map(\.tenant) == [a, b, idle])
    #expect(range.losses.last?.needsRestore == true)
  }

  /// Two records of idle, those of a and b in turn, one more of idle; the first segment is trimmed.
  ///
  /// Of one lost group the next one's list says whose it was: 21 is a's. Of two nothing does.
  private func trimmed(_ lost: [UInt64]) throws -> JournalBench {
    let bench = try filled(["idle", "idle"] + inTurn(27) + ["idle"])
    try bench.disk.fileSystem().remove(bench.segmentPath(1))
    try spoil(bench, lost)
    #expect(try open(bench).catalog.damage.count == 1)
    return bench
  }

  private func repair(
    _ bench: JournalBench, idle files: [TenantSeq]
  ) throws -> JournalRepairReport {
    try JournalRepair.run(
      directory: bench.configuration.directory, files: bench.disk.fileSystem(),
      applied: [idle: AppliedFiles(files, isUnbroken: false)])
  }

  @Test func `whose first record lay in a range of unknown tenants is named`() throws {
    let bench = try filled(inTurn(20))
    try spoil(bench, [1, 2])
    let losses = try #require(try bench.repair().ranges.first).losses
    #expect(losses.map(\.tenant) == [a, b])
    #expect(losses.allSatisfy { $0.lostFrom == TenantSeq(1) && $0.needsRestore })
  }

  @Test func `whose last record lay in a range is named by the checkpoint`() throws {
    let bench = try filled(["idle"] + inTurn(8) + ["idle"] + inTurn(10))
    // The second one of idle, and one of a behind it.
    try spoil(bench, [10, 11])
    let losses = try #require(try bench.repair([idle: TenantSeq(1)]).ranges.first).losses
    let loss = try #require(losses.first { $0.tenant == idle })
    #expect(loss.lostFrom == TenantSeq(2) && loss.lostThrough == TenantSeq(2))
    #expect(!loss.needsRestore)
    #expect(try open(bench).heads[idle]?.tenantSeq == TenantSeq(1))
  }

  @Test func `who is behind a first segment that is empty is named`() throws {
    let bench = try filled(["idle"] + inTurn(28) + ["idle"])
    bench.disk.edit(bench.segmentPath(1)) { $0 = [] }
    let ranges = try bench.repair().ranges
    let losses = ranges.flatMap(\.losses)
    #expect(losses.map(\.tenant) == [a, b, idle])
    #expect(losses.allSatisfy { $0.lostFrom == TenantSeq(1) && $0.needsRestore })
    #expect(ranges.contains { $0.othersPossible })
    #expect(try open(bench).catalog.damage.isEmpty)
  }
}
