import Platform
import Simulation
import Storage
import Wire

/// `chaos io`: the k-th call of journal or SQLite fails, once or for good; k covers the whole run.
public struct IOMode: Sendable {
  static let payments = 120

  public init() {}

  /// Every k instead of a sample of `cycles` where `cycles` is at least the calls of a clean run.
  public func run(
    cycles: Int, seed: UInt64, say: @escaping @Sendable (String) -> Void
  ) async -> ChaosReport {
    var report = ChaosReport()
    let vfs = StorageMachine.makeVFS()
    let random = SeededRandomSource(seed: seed)
    // Groups form by chance, so that a run has some more calls or fewer: the last tenth is left.
    let calls = await cleanRun(vfs, random, &report) * 9 / 10
    say("a clean run has \(calls * 10 / 9) calls")
    let kinds = CallFault.Kind.allCases
    for cycle in 1...max(1, cycles) {
      let stratum = Double(calls) / Double(max(1, cycles))
      let share = Double(random.uint64() % 1_000) / 1_000
      let call = 1 + Int((Double(cycle - 1) + share) * stratum)
      let kind = kinds[(cycle + cycle / kinds.count) % kinds.count]
      let isPermanent = random.uint64() % 2 == 0
      let fault = "\(kind.rawValue) at call \(call), \(isPermanent ? "for good" : "once")"
      say("cycle \(cycle): \(fault)")
      let (result, oracle) = await one(
        vfs, CallFault(kind, call: call, isPermanent: isPermanent),
        losesPower: cycle % 2 == 0, random)
      result.join(&report, cycle: cycle, fault, oracle)
    }
    return report
  }

  /// The script of every cycle: a start, the tenants, payments with a flush among them.
  private func script(
    _ machine: StorageMachine, _ books: OutsideBooks, _ random: SeededRandomSource
  ) async throws {
    _ = try await machine.start()
    _ = await machine.createTenants()
    let engine = machine.engine
    var load = PaymentLoad(machine: machine, books: books, seed: random.uint64())
    load.acknowledged = { if $0 == 60 { engine.flush() } }
    await load.run(PaymentLoad.payments(Self.payments))
  }

  /// How many calls the script makes where nothing fails.
  private func cleanRun(
    _ vfs: FileSystemVFS, _ random: SeededRandomSource, _ report: inout ChaosReport
  ) async -> Int {
    let machine = StorageMachine(vfs: vfs, seed: random.uint64())
    do {
      try await script(machine, OutsideBooks(), random)
    } catch {
      report.complaints.append("the clean run failed: \(error)")
    }
    let calls = machine.disk.callCount
    await machine.close()
    return calls
  }

  private func one(
    _ vfs: FileSystemVFS, _ fault: CallFault, losesPower: Bool, _ random: SeededRandomSource
  ) async -> (StorageCycle, StorageOracle) {
    var cycle = StorageCycle()
    var oracle = StorageOracle(cycle.books)
    let machine = StorageMachine(vfs: vfs, seed: random.uint64())
    machine.disk.inject(fault)
    // A start that fails is an answer too: nobody was served.
    try? await script(machine, cycle.books, random)
    await machine.end(losesPower ? .lost : nil)
    cycle.faults = machine.disk.faultsMet
    do {
      let report = try await machine.start()
      if !report.damage.isEmpty || !report.stopped.isEmpty {
        cycle.complaints.append(
          "a failed call is no damage: \(report.damage.map(\.reason)), stopped \(report.stopped)")
      }
      if await !machine.createTenants() { cycle.complaints.append("a tenant could not be made") }
      await cycle.finish(machine, PaymentLoad.payments(Self.payments), seed: random.uint64())
      await oracle.check(machine.engine)
      await machine.close()
      // Closed and opened: nothing of it lived in memory only.
      _ = try await machine.start()
      await oracle.check(machine.engine)
      await machine.close()
    } catch {
      cycle.complaints.append("the next start failed: \(error)")
      await machine.end()
    }
    return (cycle, oracle)
  }
}
