import Platform
import Simulation
import Storage
import Wire

/// `chaos io`: the k-th call of the journal, or of SQLite, fails, once or for good, their
/// directories' among them; the k's of each kind of failure sweep the whole script.
public struct IOMode: StorageMode {
  /// Whose calls fail, how, and whether for good.
  struct Way: Hashable, Sendable {
    let layer: StorageLayer
    let kind: CallFault.Kind
    let isPermanent: Bool

    /// In the order of the cycles.
    static let all: [Way] = [false, true].flatMap { isPermanent in
      CallFault.Kind.allCases.flatMap { kind in
        StorageLayer.allCases.map { Way(layer: $0, kind: kind, isPermanent: isPermanent) }
      }
    }
  }

  public struct Fault: CustomStringConvertible, Sendable {
    let way: Way
    /// Which of the layer's calls that can fail in this way.
    let call: Int
    /// Whether the power goes with the process, and what was not synchronized with it.
    let losesPower: Bool

    public var description: String {
      "\(way.kind.rawValue) at call \(call) of \(way.layer.rawValue), "
        + (way.isPermanent ? "for good" : "once")
    }
  }

  public static let name = "io"
  public static let summary =
    "The k-th call of the journal or of SQLite fails, once or for good: EIO, ENOSPC, short, fsync."
  static let payments = 120
  private static let lastFlush = 80
  /// What a run that has not met its fault goes on by.
  private static let more = 40
  /// Where it gives up: even with all callers in each group there are more groups by then than in a
  /// clean run of groups of one.
  private static let longest = 12 * payments

  /// How many calls that can fail in each way the script makes where nothing fails.
  private var calls: [Way: Int] = [:]
  /// Which of them have failed.
  private var struck: [Way: Set<Int>] = [:]

  public init() {}

  public mutating func prepare(
    _ machine: StorageMachine, _ random: SeededRandomSource
  ) async throws {
    try await script(machine, OutsideBooks(), random)
    for way in Way.all {
      calls[way] = machine.disk.callCount(way.kind, of: way.layer.paths)
    }
  }

  public func draw(_ cycle: Int, of count: Int, _ random: SeededRandomSource) -> Fault {
    let index = (cycle - 1) % Way.all.count
    let way = Way.all[index]
    let sweep = CallSweep(
      calls: max(1, calls[way] ?? 0), cycles: (count - 1 - index) / Way.all.count + 1)
    return Fault(
      way: way, call: sweep.call((cycle - 1) / Way.all.count, random),
      losesPower: random.below(2) == 0)
  }

  /// How many of the script's calls have failed, in each way.
  public func conclude(_ report: inout ChaosReport) {
    for way in Way.all {
      let name = "\(way.layer.rawValue) \(way.kind.rawValue) calls"
      report.measure(name, Double(calls[way] ?? 0))
      report.measure(
        "\(name) failed \(way.isPermanent ? "for good" : "once")",
        Double(struck[way]?.count ?? 0))
    }
  }

  /// What every cycle does: a start, the tenants, payments with flushes among them.
  private func script(
    _ machine: StorageMachine, _ books: OutsideBooks, _ random: SeededRandomSource
  ) async throws {
    _ = try await machine.start()
    _ = await machine.createTenants()
    let engine = machine.engine
    var load = PaymentLoad(machine: machine, books: books, seed: random.uint64())
    load.acknowledged = { count in
      // The last ones are in the journal only, so that it is what a power loss asks.
      if count <= Self.lastFlush, count.isMultiple(of: StorageMachine.flushEvery) {
        engine.flush()
      }
    }
    await load.run(PaymentLoad.payments(Self.payments))
  }

  public mutating func run(
    _ fault: Fault, _ machine: StorageMachine, _ random: SeededRandomSource,
    _ cycle: inout StorageCycle
  ) async throws {
    let way = fault.way
    machine.disk.inject(
      CallFault(way.kind, call: fault.call, of: way.layer.paths, isPermanent: way.isPermanent))
    var isServing = true
    // A start that fails is an answer too: nobody was served.
    do { try await script(machine, cycle.books, random) } catch { isServing = false }
    // Groups form by chance: where this run has made fewer calls than the clean one, it goes on.
    var count = Self.payments
    while isServing, !machine.hasEnded, machine.disk.faultsMet.isEmpty, count < Self.longest {
      let load = PaymentLoad(machine: machine, books: cycle.books, seed: random.uint64())
      await load.run(PaymentLoad.payments(Self.more, from: Int64(count + 1)))
      count += Self.more
    }
    // The disk works again; from here on nothing is met any more.
    machine.disk.clearFaults()
    if !machine.disk.faultsMet.isEmpty { struck[way, default: []].insert(fault.call) }
    for (met, count) in machine.disk.faultsMet {
      let layer = StorageLayer.of(met.path).rawValue
      let name = "\(layer) \(met.operation.rawValue) \(met.kind.rawValue)"
      cycle.faults[name, default: 0] += count
    }
    let metSync = machine.disk.faultsMet.keys.contains {
      $0.operation == .sync || $0.operation == .syncDirectory
    }
    if isServing, metSync {
      if await machine.waitUntilFatal() {
        cycle.hit("ended by a failed fsync")
      } else {
        cycle.complaints.append("an fsync failed, and the process goes on")
      }
    }
    cycle.look(at: machine)
    let payments = PaymentLoad.payments(count)
    if isServing, way.isPermanent, !machine.isFatal {
      // Nobody waits for another process.
      if await !machine.waitUntilServed() {
        cycle.complaints.append("a tenant is not served though the disk works again")
      }
      if await !machine.createTenants() { cycle.complaints.append("a tenant cannot be made") }
      cycle.hit("healed without a restart")
      await cycle.oracle.check(machine.engine)
      await cycle.finish(machine, payments, seed: random.uint64())
    }
    await machine.end(fault.losesPower ? .lost : nil)

    try await cycle.start(machine)
    if await !machine.createTenants() { cycle.complaints.append("a tenant could not be made") }
    await cycle.finish(machine, payments, seed: random.uint64())
    await cycle.oracle.check(machine.engine)
    await machine.close()
    // Closed and opened: nothing of it lived in memory only.
    try await cycle.start(machine)
    await cycle.oracle.check(machine.engine)
    await machine.close()
  }
}
