import Platform
import Simulation
import Storage
import Wire

/// `chaos corrupt`: a journal is spoiled while no process runs; each start finds every
/// acknowledged operation, or says which range or tenant lacks it, until a repair has named the
/// loss.
public struct CorruptMode: StorageMode {
  /// How the run before the damage ended.
  enum Ending: String, CaseIterable, Sendable {
    case closed = "clean run"
    case killed = "crashed run"
    /// SQLite's files have little of what was acknowledged: the journal alone has it.
    case powerless = "run without its unsynced SQLite writes"
  }

  public struct Fault: CustomStringConvertible, Sendable {
    let damage: JournalDamage
    let ending: Ending

    public var description: String { "\(damage.rawValue) after a \(ending.rawValue)" }
  }

  public static let name = "corrupt"
  public static let summary =
    "A journal spoiled between two runs: flipped, cut, doubled, swapped, another's."
  static let payments = 140

  public init() {}

  public func draw(_ cycle: Int, of count: Int, _ random: SeededRandomSource) -> Fault {
    let kinds = JournalDamage.allCases
    return Fault(
      damage: kinds[cycle % kinds.count],
      ending: Ending.allCases[(cycle + cycle / kinds.count) % Ending.allCases.count])
  }

  public func run(
    _ fault: Fault, _ machine: StorageMachine, _ random: SeededRandomSource,
    _ cycle: inout StorageCycle
  ) async throws {
    try await cycle.start(machine)
    _ = await machine.createTenants()
    let load = PaymentLoad(machine: machine, books: cycle.books, seed: random.uint64())
    await load.run(PaymentLoad.payments(Self.payments))
    cycle.look(at: machine)
    switch fault.ending {
    case .closed: await machine.close()
    case .killed: await machine.end()
    case .powerless: await machine.end(.lost)
    }
    if fault.damage.isForeign {
      await openForeign(fault.damage, machine, &cycle)
    } else {
      let groups = try JournalInspection.run(
        directory: StorageMachine.journalDirectory, files: machine.disk.fileSystem(),
        detail: .commands
      ).groups
      let first = try spoil(machine.disk, groups, fault, random)
      let trial = DamageTrial(
        machine: machine, bound: DamageBound(places: PaymentPlaces(groups), first: first),
        paid: Self.payments, random: random)
      try await trial.run(fault.damage, &cycle)
    }
  }

  /// Answers the first position that was touched.
  private func spoil(
    _ disk: SimulatedDisk, _ groups: [JournalInspection.Group], _ fault: Fault,
    _ random: SeededRandomSource
  ) throws -> CellSeq {
    // An invalid last group that nothing proves to have been durable is a torn one, and is cut: no
    // reader can tell. So where SQLite's files prove nothing, the end of the journal is left alone.
    let end = groups.last.map { Int($0.offset) } ?? 0
    let candidates = groups.indices.filter { index in
      let group = groups[index]
      guard group.kind == "records", index > 0, groups[index - 1].segment == group.segment else {
        return false
      }
      guard fault.ending == .powerless else { return true }
      let isLastSegment = group.segment == groups.last?.segment
      return index < groups.count - 2
        && (!isLastSegment || Int(group.offset) + JournalDamage.block < end)
    }
    guard !candidates.isEmpty else { throw Failure(.internalError, "no group can be spoiled") }
    let index = candidates[random.below(candidates.count)]
    return fault.damage.apply(to: disk, groups, at: index, random)
  }

  /// Another cell or generation must not take this journal for its own.
  private func openForeign(
    _ kind: JournalDamage, _ machine: StorageMachine, _ cycle: inout StorageCycle
  ) async {
    let stranger =
      kind == .foreignCell
      ? machine.another(machine.disk, cell: CellID(trusted: "c2"))
      : machine.another(machine.disk, generation: Generation(9))
    do {
      _ = try await stranger.start()
      cycle.complaints.append("the journal was taken for its own")
      await stranger.close()
    } catch JournalError.foreignCell where kind == .foreignCell {
      cycle.hit(kind.rawValue)
    } catch JournalError.foreignGeneration where kind == .foreignGeneration {
      cycle.hit(kind.rawValue)
    } catch {
      cycle.complaints.append("the refusal names something else: \(error)")
    }
  }
}
