import Platform
import Simulation
import Storage
import Wire

/// `chaos power`: the power goes at a random call of journal or SQLite; what was not synchronized
/// is lost, kept, or torn at 512 bytes and reordered, in all files of one disk alike.
public struct PowerMode: Sendable {
  public init() {}

  public func run(
    cycles: Int, seed: UInt64, say: @escaping @Sendable (String) -> Void
  ) async -> ChaosReport {
    var report = ChaosReport()
    let vfs = StorageMachine.makeVFS()
    let random = SeededRandomSource(seed: seed)
    for cycle in 1...max(1, cycles) {
      // Four in six are torn and reordered.
      let fate: (name: String, value: SimulatedDisk.Fate) =
        switch cycle % 6 {
        case 1: (name: "lost", value: .lost)
        case 4: (name: "kept", value: .kept)
        default: (name: "torn", value: .mixed(seed: random.uint64()))
        }
      let calls = 1 + Int(random.uint64() % 400)
      let fault = "unsynced writes \(fate.name), power lost \(calls) calls after 100 answers"
      say("cycle \(cycle): \(fault)")
      let (result, oracle) = await one(vfs, fate, calls, flushes: cycle % 3 == 0, random)
      result.join(&report, cycle: cycle, fault, oracle)
    }
    return report
  }

  private func one(
    _ vfs: FileSystemVFS, _ fate: (name: String, value: SimulatedDisk.Fate), _ calls: Int,
    flushes: Bool, _ random: SeededRandomSource
  ) async -> (StorageCycle, StorageOracle) {
    var cycle = StorageCycle()
    var oracle = StorageOracle(cycle.books)
    let machine = StorageMachine(vfs: vfs, seed: random.uint64())
    do {
      _ = try await machine.start()
      guard await machine.createTenants() else {
        cycle.complaints.append("a tenant could not be made")
        return (cycle, oracle)
      }
      let disk = machine.disk
      var load = PaymentLoad(machine: machine, books: cycle.books, seed: random.uint64())
      let engine = machine.engine
      load.acknowledged = { count in
        if count == 60, flushes { engine.flush() }
        if count == 100 { disk.losePower(afterCalls: calls) }
      }
      await load.run(PaymentLoad.payments(800))
      let isHit = machine.isFatal
      await machine.end(fate.value)
      if isHit { cycle.faults[fate.name, default: 0] += 1 }

      let report = try await machine.start()
      if report.cutBytes > 0 { cycle.faults["torn group", default: 0] += 1 }
      if !report.damage.isEmpty || !report.stopped.isEmpty {
        cycle.complaints.append(
          "a power loss is no damage: \(report.damage.map(\.reason)), stopped \(report.stopped)")
      }
      await oracle.check(machine.engine)
      // What was shown once stays, and every key still has its one answer.
      let tried = cycle.books.tried
      await cycle.finish(machine, tried, seed: random.uint64())
      await oracle.check(machine.engine)
      let digests = try await StorageOracle.digests(machine.engine)
      await machine.close()
      if !flushes { await oracle.checkReplay(digests, of: disk, vfs: vfs) }
    } catch {
      cycle.complaints.append("\(error)")
      await machine.end()
    }
    return (cycle, oracle)
  }
}
