import Platform
import Simulation
import Storage
import Wire

/// `corrupt`: damages the journal of an engine that is closed or dropped, and throws some tenants'
/// files away, so that their replay needs what was damaged.
///
/// Afterwards every acknowledged operation is there once, or its tenant is stopped or in a reported
/// range. The tenants of the last group keep their files: without them nothing in the world tells
/// a durable last group from one that was being written, and it may be cut as torn.
public struct CorruptChaos: Sendable {
  private static let operations = 240

  private let cycles: Int
  private let random: SeededRandomSource
  private let note: @Sendable (String) -> Void

  public init(cycles: Int, seed: UInt64, note: @escaping @Sendable (String) -> Void) {
    self.cycles = cycles
    random = SeededRandomSource(seed: seed)
    self.note = note
  }

  public func run() async throws -> ChaosReport {
    var report = ChaosReport()
    let began = ContinuousClock.now
    let root = try FileTree.make("corrupt")
    defer { FileTree.remove(root) }
    for cycle in 1...cycles {
      try await run(cycle, "\(root)/\(cycle)", &report)
      report.cycles += 1
    }
    report.seconds = (ContinuousClock.now - began) / .seconds(1)
    return report
  }

  private func run(_ cycle: Int, _ directory: String, _ report: inout ChaosReport) async throws {
    let vandal = JournalVandal.allCases[(cycle - 1) % JournalVandal.allCases.count]
    let disk = SimulatedDisk()
    let history = ChaosHistory()
    let life = try await ChaosEngine(directory, disk, seed: random.uint64())
    let end = await ChaosLoad(life, history, operations: Self.operations).run()
    if end != .finished { report.complain("cycle \(cycle): the load ended \(end)") }
    // A last group of one tenant: the others may lose their files.
    let last = history.begin()
    history.acknowledge(last, try await ChaosLoad.once(last, life.engine))
    report.acked += history.acked
    report.duplicated += history.contradictions
    if history.acked < 100 { report.complain("cycle \(cycle): fewer than 100 were acknowledged") }
    let isClosed = random.below(2) == 0
    if isClosed { await life.close() } else { disk.kill() }

    // The next life's files: what is at rest now, without those that are thrown away.
    let after = "\(directory)-after"
    let kept = try lastGroupTenants(disk)
    var thrown: [TenantID] = []
    for tenant in ChaosHistory.tenants {
      if !kept.contains(tenant), random.below(3) > 0 {
        thrown.append(tenant)
      } else {
        try FileTree.copy(
          "\(directory)/tenants/\(tenant)", to: "\(after)/tenants/\(tenant)")
      }
    }
    let segments = try JournalVandal.segments(disk)
    guard let segment = segments.isEmpty ? nil : segments[random.below(segments.count)] else {
      report.complain("cycle \(cycle): no segment to damage")
      return
    }
    let foreign = try await foreignSegment(vandal, directory)
    let place = vandal.damage(segment, on: disk, random, foreign: foreign)
    note(
      "cycle \(cycle): \(isClosed ? "closed" : "dropped"), \(place); thrown away: "
        + thrown.map(\.rawValue).joined(separator: " "))
    try await reopen(after, disk, history, vandal, cycle, &report)
  }

  private func reopen(
    _ directory: String, _ disk: SimulatedDisk, _ history: ChaosHistory, _ vandal: JournalVandal,
    _ cycle: Int, _ report: inout ChaosReport
  ) async throws {
    let life: ChaosEngine
    do {
      life = try await ChaosEngine(directory, disk, seed: random.uint64())
    } catch let refusal as JournalError {
      // Nothing is served: everything is reported.
      note("cycle \(cycle): refused: \(refusal)")
      report.hit(vandal.rawValue)
      return
    }
    let reported = await ChaosCheck.run(life, history, mayBeReported: true, &report)
    if life.report.damage.isEmpty, reported.isEmpty {
      report.complain("cycle \(cycle): \(vandal.rawValue) was not noticed")
    } else {
      report.hit(vandal.rawValue)
    }
    await life.close()
  }

  /// The tenants whose records the journal's last group of records holds.
  private func lastGroupTenants(_ disk: SimulatedDisk) throws -> Set<TenantID> {
    let found = try JournalInspection.run(
      directory: MixedFiles.journal, files: disk.fileSystem(), detail: .records)
    return Set(found.groups.last { !$0.records.isEmpty }?.records.map(\.tenant) ?? [])
  }

  /// The first segment of another cell's journal, or of this cell's in another generation.
  private func foreignSegment(_ vandal: JournalVandal, _ directory: String) async throws -> [UInt8]
  {
    guard vandal == .foreignCell || vandal == .foreignGeneration else { return [] }
    let disk = SimulatedDisk()
    let isCell = vandal == .foreignCell
    let life = try await ChaosEngine(
      "\(directory)-foreign", disk, seed: random.uint64(), cell: isCell ? "c2" : "c1",
      generation: isCell ? .first : Generation(2))
    let tenant = ChaosHistory.tenants[0]
    try await life.engine.create(tenant, epoch: .first)
    await life.close()
    let path = disk.paths.first { $0.hasSuffix(".journal") }
    return path.flatMap { disk.bytes($0) } ?? []
  }
}
