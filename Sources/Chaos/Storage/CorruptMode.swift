import Platform
import Simulation
import Storage
import Wire

/// `chaos corrupt`: a journal is spoiled while no process runs; the next one finds every
/// acknowledged operation, or says which range or tenant lacks it.
public struct CorruptMode: Sendable {
  static let payments = 140

  /// How the run before the damage ended.
  private enum Ending: String, CaseIterable {
    case closed = "clean run"
    case killed = "crashed run"
    /// SQLite's files have little of what was acknowledged: the journal alone has it.
    case powerless = "run without its unsynced SQLite writes"
  }

  public init() {}

  public func run(
    cycles: Int, seed: UInt64, say: @escaping @Sendable (String) -> Void
  ) async -> ChaosReport {
    var report = ChaosReport()
    let vfs = StorageMachine.makeVFS()
    let random = SeededRandomSource(seed: seed)
    let kinds = JournalDamage.allCases
    for cycle in 1...max(1, cycles) {
      let kind = kinds[cycle % kinds.count]
      let ending = Ending.allCases[(cycle + cycle / kinds.count) % Ending.allCases.count]
      let fault = "\(kind.rawValue) after a \(ending.rawValue)"
      say("cycle \(cycle): \(fault)")
      let (result, oracle) = await one(vfs, kind, ending, random)
      result.join(&report, cycle: cycle, fault, oracle)
    }
    return report
  }

  private func one(
    _ vfs: FileSystemVFS, _ kind: JournalDamage, _ ending: Ending, _ random: SeededRandomSource
  ) async -> (StorageCycle, StorageOracle) {
    var cycle = StorageCycle()
    var oracle = StorageOracle(cycle.books)
    let machine = StorageMachine(vfs: vfs, seed: random.uint64())
    do {
      _ = try await machine.start()
      _ = await machine.createTenants()
      let load = PaymentLoad(machine: machine, books: cycle.books, seed: random.uint64())
      await load.run(PaymentLoad.payments(Self.payments))
      switch ending {
      case .closed: await machine.close()
      case .killed: await machine.end()
      case .powerless: await machine.end(.lost)
      }
      if kind.isForeign {
        await openForeign(kind, machine.disk, vfs, &cycle)
      } else {
        try spoil(machine.disk, kind, ending, random)
        try await open(machine, kind, &cycle, &oracle)
      }
    } catch {
      cycle.complaints.append("\(error)")
      await machine.end()
    }
    return (cycle, oracle)
  }

  private func spoil(
    _ disk: SimulatedDisk, _ kind: JournalDamage, _ ending: Ending, _ random: SeededRandomSource
  ) throws {
    let groups = try JournalInspection.run(
      directory: "\(StorageMachine.dataDirectory)/journal", files: disk.fileSystem(),
      detail: .groups
    ).groups
    // An invalid last group that nothing proves to have been durable is a torn one, and is cut: no
    // reader can tell. So where SQLite's files prove nothing, the end of the journal is left alone.
    let end = groups.last.map { Int($0.offset) } ?? 0
    let candidates = groups.indices.filter { index in
      let group = groups[index]
      guard group.kind == "records", index > 0, groups[index - 1].segment == group.segment else {
        return false
      }
      guard ending == .powerless else { return true }
      let isLastSegment = group.segment == groups.last?.segment
      return index < groups.count - 2
        && (!isLastSegment || Int(group.offset) + JournalDamage.block < end)
    }
    guard !candidates.isEmpty else { throw Failure(.internalError, "no group can be spoiled") }
    let index = candidates[Int(random.uint64() % UInt64(candidates.count))]
    _ = kind.apply(to: disk, groups, at: index, random)
  }

  /// Opens the spoiled journal: what is missing was named.
  private func open(
    _ machine: StorageMachine, _ kind: JournalDamage, _ cycle: inout StorageCycle,
    _ oracle: inout StorageOracle
  ) async throws {
    let report = try await machine.start()
    let stopped = Set(report.stopped)
    if !report.damage.isEmpty || !stopped.isEmpty || report.cutBytes > 0 {
      cycle.faults[kind.rawValue, default: 0] += 1
    } else {
      cycle.complaints.append("the damage was not found")
    }
    let named = Set(machine.engine.problems.compactMap(\.tenant))
    if !stopped.isSubset(of: named) {
      cycle.complaints.append("a stopped tenant is in no problem: \(stopped.subtracting(named))")
    }
    await oracle.check(machine.engine, stopped: stopped)
    await machine.close()
  }

  /// Another cell or generation must not take this journal for its own.
  private func openForeign(
    _ kind: JournalDamage, _ disk: SimulatedDisk, _ vfs: FileSystemVFS,
    _ cycle: inout StorageCycle
  ) async {
    let stranger =
      kind == .foreignCell
      ? StorageMachine(disk: disk, vfs: vfs, seed: 1, cell: CellID(trusted: "c2"))
      : StorageMachine(disk: disk, vfs: vfs, seed: 1, generation: Generation(9))
    do {
      _ = try await stranger.start()
      cycle.complaints.append("the journal was taken for its own")
      await stranger.close()
    } catch JournalError.foreignCell where kind == .foreignCell {
      cycle.faults[kind.rawValue, default: 0] += 1
    } catch JournalError.foreignGeneration where kind == .foreignGeneration {
      cycle.faults[kind.rawValue, default: 0] += 1
    } catch {
      cycle.complaints.append("the refusal names something else: \(error)")
    }
  }
}
