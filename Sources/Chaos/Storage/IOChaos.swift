import Platform
import Simulation
import Storage
import Wire

/// `io`: a call of the journal's file system fails, once or from then on.
///
/// Which call is drawn from those that a clean run makes of the same kind, so that over the cycles
/// early and late ones fail alike. Where the journal says that the process must end, it is dropped,
/// the machine with it, and the tenants' files are thrown away: the journal alone has to do.
public struct IOChaos: Sendable {
  private static let operations = 240

  /// A kind of call and how it fails.
  private struct Fault: Sendable {
    let operation: FileError.Operation
    let effect: SimulatedDisk.Fault.Effect
    let name: String
    let isPermanent: Bool
  }

  private static let faults: [Fault] = [
    (FileError.Operation.write, SimulatedDisk.Fault.Effect.error(SystemErrors.io), "write EIO"),
    (.write, .error(SystemErrors.noSpace), "write ENOSPC"),
    (.write, .shortWrite(60), "short write"),
    (.sync, .error(SystemErrors.io), "fsync EIO"), (.open, .error(SystemErrors.io), "open EIO"),
    (.rename, .error(SystemErrors.io), "rename EIO"),
    (.syncDirectory, .error(SystemErrors.io), "directory fsync EIO"),
    (.list, .error(SystemErrors.io), "list EIO"), (.read, .error(SystemErrors.io), "read EIO"),
  ].flatMap { operation, effect, name in
    [false, true].map {
      Fault(
        operation: operation, effect: effect, name: "\(name), \($0 ? "lasting" : "once")",
        isPermanent: $0)
    }
  }

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
    let root = try FileTree.make("io")
    defer { FileTree.remove(root) }
    let calls = try await countCalls("\(root)/clean")
    let faults = Self.faults.filter { calls[$0.operation, default: 0] > 0 }
    let passes = (cycles + faults.count - 1) / faults.count
    for cycle in 1...cycles {
      let fault = faults[(cycle - 1) % faults.count]
      // One stratum of the calls per pass; the last fifth may be missing in a faster run.
      let most = max(1, calls[fault.operation, default: 1] * 4 / 5)
      let pass = (cycle - 1) / faults.count
      let (low, high) = (most * pass / passes, most * (pass + 1) / passes)
      let call = 1 + min(most - 1, low + random.below(high - low))
      note("cycle \(cycle): \(fault.name), at call \(call) of its kind")
      try await run(fault, at: call, cycle, "\(root)/\(cycle)", &report)
      report.cycles += 1
    }
    report.seconds = (ContinuousClock.now - began) / .seconds(1)
    return report
  }

  /// How many calls of each kind two lives make without a fault.
  private func countCalls(_ directory: String) async throws -> [FileError.Operation: Int] {
    let disk = SimulatedDisk()
    _ = try await live(directory, disk, ChaosHistory())
    var calls: [FileError.Operation: Int] = [:]
    for operation in FileError.Operation.allCases { calls[operation] = disk.calls(operation) }
    return calls
  }

  /// A first short life and a second one that recovers from it; nil where opening fails.
  private func live(
    _ directory: String, _ disk: SimulatedDisk, _ history: ChaosHistory
  ) async throws -> Latch.End? {
    for operations in [Self.operations / 4, Self.operations] {
      guard let life = try? await ChaosEngine(directory, disk, seed: random.uint64()) else {
        return nil
      }
      let end = await ChaosLoad(life, history, operations: operations).run()
      guard end == .finished else { return end }
      await life.close()
    }
    return .finished
  }

  private func run(
    _ fault: Fault, at call: Int, _ cycle: Int, _ directory: String, _ report: inout ChaosReport
  ) async throws {
    let (disk, history) = (SimulatedDisk(), ChaosHistory())
    disk.inject(
      SimulatedDisk.Fault(
        fault.operation, call: call, fault.effect, isPermanent: fault.isPermanent))
    let end = try await live(directory, disk, history)
    if disk.calls(fault.operation) >= call {
      report.hit(fault.name)
    } else {
      report.complain("cycle \(cycle): \(fault.name) was not hit")
    }
    if end == .stuck { report.complain("cycle \(cycle): a caller was never answered") }
    var after = directory
    if end == .fatal {
      disk.losePower(.mixed(seed: random.uint64()))
      after = "\(directory)-after"
    } else {
      disk.kill()
    }
    note("cycle \(cycle): \(end.map { "\($0)" } ?? "not opened"), \(history.acked) acknowledged")

    let life = try await ChaosEngine(after, disk, seed: random.uint64())
    _ = await ChaosCheck.run(life, history, mayBeReported: false, &report)
    _ = await ChaosLoad(life, history, operations: Self.operations / 2).run()
    _ = await ChaosCheck.run(life, history, mayBeReported: false, &report)
    await life.close()
    report.acked += history.acked
    report.duplicated += history.contradictions
    if history.acked < 100 { report.complain("cycle \(cycle): fewer than 100 were acknowledged") }
  }
}
