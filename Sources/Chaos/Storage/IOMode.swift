import Platform
import Simulation
import Storage
import Wire

/// `chaos io`: the k-th call of the journal, or of SQLite, fails, once or for good; the k's of all
/// cycles cover the whole script of each.
public struct IOMode: StorageMode {
  public struct Fault: CustomStringConvertible, Sendable {
    let layer: StorageLayer
    let fault: CallFault
    /// Whether the power goes with the process, and what was not synchronized with it.
    let losesPower: Bool

    public var description: String {
      "\(fault.kind.rawValue) at call \(fault.call) of \(layer.rawValue), "
        + (fault.isPermanent ? "for good" : "once")
    }
  }

  public static let name = "io"
  public static let summary =
    "The k-th call of the journal or of SQLite fails, once or for good: EIO, ENOSPC, short, fsync."
  static let payments = 120
  private static let lastFlush = 80
  /// What a run that has not met its fault goes on by, and where it gives up.
  private static let more = 40
  private static let longest = 480

  /// How many calls of each layer the script makes where nothing fails.
  private var calls: [StorageLayer: Int] = [:]

  public init() {}

  public mutating func prepare(
    _ machine: StorageMachine, _ random: SeededRandomSource
  ) async throws {
    try await script(machine, OutsideBooks(), random)
    for layer in StorageLayer.allCases {
      calls[layer] = machine.disk.callCount { $0.contains(layer.mark) }
    }
  }

  public func draw(_ cycle: Int, of count: Int, _ random: SeededRandomSource) -> Fault {
    let kinds = CallFault.Kind.allCases
    let layers = StorageLayer.allCases
    let combinations = kinds.count * layers.count * 2
    let index = (cycle - 1) % combinations
    let layer = layers[index % layers.count]
    // One stratum of the calls per pass.
    let passes = (count + combinations - 1) / combinations
    let most = max(1, calls[layer] ?? 0)
    let stratum = Double(most) / Double(passes)
    let share = Double(random.below(1_000)) / 1_000
    let call = 1 + Int((Double((cycle - 1) / combinations) + share) * stratum)
    let fault = CallFault(
      kinds[index / layers.count % kinds.count], call: call, of: layer.mark,
      isPermanent: index / layers.count / kinds.count == 1)
    return Fault(layer: layer, fault: fault, losesPower: random.below(2) == 0)
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

  public func run(
    _ fault: Fault, _ machine: StorageMachine, _ random: SeededRandomSource,
    _ cycle: inout StorageCycle
  ) async throws {
    machine.disk.inject(fault.fault)
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
    for (met, count) in machine.disk.faultsMet {
      let layer = StorageLayer.of(met.path)?.rawValue ?? "other"
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
    if isServing, fault.fault.isPermanent, !machine.isFatal {
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
