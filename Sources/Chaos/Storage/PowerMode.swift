import Platform
import Simulation
import Storage
import Wire

/// `chaos power`: the power goes at a random call of journal or SQLite, sometimes again during the
/// recovery; what was not synchronized is lost, kept, or torn at 512 bytes and reordered, in all
/// files of one disk alike.
public struct PowerMode: StorageMode {
  public struct Fault: CustomStringConvertible, Sendable {
    let fate: SimulatedDisk.Fate
    /// Calls that still go through after the 100th answer.
    let calls: Int
    /// Whether the power goes instead between a group's write and its fsync.
    let isAtJournalSync: Bool
    /// Whether files are checkpointed and the journal trimmed in the middle.
    let flushes: Bool
    /// Calls of the recovery that go through before the power goes again; nil: it does not.
    let again: Int?

    var name: String {
      switch fate {
      case .lost: "lost"
      case .kept: "kept"
      case .mixed: "torn"
      }
    }

    public var description: String {
      let moment = isAtJournalSync ? "at the journal's first fsync" : "\(calls) calls"
      return "unsynced writes \(name), power lost \(moment) after 100 answers"
        + (again.map { ", and at call \($0 + 1) of the recovery" } ?? "")
    }
  }

  public static let name = "power"
  public static let summary =
    "Power losses: unsynced writes of journal and SQLite lost, torn at 512 bytes and reordered."
  private static let payments = 800

  public init() {}

  public func draw(_ cycle: Int, of count: Int, _ random: SeededRandomSource) -> Fault {
    // Four in six are torn and reordered.
    let fate: SimulatedDisk.Fate =
      switch cycle % 6 {
      case 1: .lost
      case 4: .kept
      default: .mixed(seed: random.uint64())
      }
    return Fault(
      fate: fate, calls: 1 + random.below(200),
      // One of those that are lost, and one that is torn.
      isAtJournalSync: [1, 2].contains(cycle % 12), flushes: cycle % 3 == 0,
      again: cycle % 4 == 2 ? random.below(40) : nil)
  }

  public func run(
    _ fault: Fault, _ machine: StorageMachine, _ random: SeededRandomSource,
    _ cycle: inout StorageCycle
  ) async throws {
    try await cycle.start(machine)
    guard await machine.createTenants() else { throw ChaosFailure("a tenant could not be made") }
    let disk = machine.disk
    let engine = machine.engine
    var load = PaymentLoad(machine: machine, books: cycle.books, seed: random.uint64())
    load.acknowledged = { count in
      if fault.flushes, count.isMultiple(of: StorageMachine.flushEvery) { engine.flush() }
      guard count == 100 else { return }
      if fault.isAtJournalSync {
        disk.losePower(atSyncOf: StorageLayer.journal.paths)
      } else {
        disk.losePower(afterCalls: fault.calls)
      }
    }
    await load.run(PaymentLoad.payments(Self.payments))
    guard machine.hasEnded else { throw ChaosFailure("the load ended before the power was lost") }
    cycle.look(at: machine)
    await lose(fault, fault.fate, machine, &cycle)

    if let again = fault.again {
      disk.losePower(afterCalls: again)
      if (try? await machine.start()) == nil {
        cycle.hit("power lost while recovering")
      }
      await lose(fault, .mixed(seed: random.uint64()), machine, &cycle)
    }
    try await cycle.start(machine)
    await cycle.oracle.check(machine.engine)
    // What was shown once stays, and every key still has its one answer.
    await cycle.finish(machine, cycle.books.tried, seed: random.uint64())
    await cycle.oracle.check(machine.engine)
    let digests = try await StorageOracle.digests(machine.engine)
    await machine.close()
    // A trimmed journal cannot bring everything forth alone.
    if !fault.flushes { await cycle.oracle.checkReplay(digests, of: machine) }
  }

  private func lose(
    _ fault: Fault, _ fate: SimulatedDisk.Fate, _ machine: StorageMachine,
    _ cycle: inout StorageCycle
  ) async {
    let layers = Set(await machine.end(fate).map(StorageLayer.of))
    for layer in layers { cycle.hit("\(layer.rawValue) \(fault.name)") }
    // Right behind a flush, and between two groups.
    if layers.isEmpty { cycle.hit("nothing unsynced") }
  }
}
