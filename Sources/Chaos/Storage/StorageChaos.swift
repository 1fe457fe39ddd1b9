import Platform
import Simulation
import Storage
import Wire

/// A way to break the disk under the storage engine: which fault a cycle meets, and what it does.
public protocol StorageMode: Sendable {
  /// What a cycle breaks, in words.
  associatedtype Fault: CustomStringConvertible, Sendable

  /// As the command line says it.
  static var name: String { get }
  static var summary: String { get }
  init()
  /// Learns from a run without faults what the draws need.
  mutating func prepare(_ machine: StorageMachine, _ random: SeededRandomSource) async throws
  /// The fault of one of `count` cycles, numbered from 1.
  func draw(_ cycle: Int, of count: Int, _ random: SeededRandomSource) -> Fault
  /// Breaks a new machine and judges what is left.
  mutating func run(
    _ fault: Fault, _ machine: StorageMachine, _ random: SeededRandomSource,
    _ cycle: inout StorageCycle
  ) async throws
  /// Says what all cycles together have come to.
  func conclude(_ report: inout ChaosReport)
}

extension StorageMode {
  public mutating func prepare(_ machine: StorageMachine, _ random: SeededRandomSource) {}
  public func conclude(_ report: inout ChaosReport) {}
}

/// A mode's cycles, each on a machine of its own.
public struct StorageChaos<Mode: StorageMode>: Sendable {
  let cycles: Int
  let seed: UInt64
  let say: @Sendable (String) -> Void

  public init(cycles: Int, seed: UInt64, say: @escaping @Sendable (String) -> Void) {
    self.cycles = cycles
    self.seed = seed
    self.say = say
  }

  public func run() async -> ChaosReport {
    var report = ChaosReport()
    let vfs = StorageMachine.makeVFS()
    let random = SeededRandomSource(seed: seed)
    var mode = Mode()
    let rehearsal = StorageMachine(vfs: vfs, seed: random.uint64())
    do { try await mode.prepare(rehearsal, random) } catch {
      report.complain("the run without faults: \(error)")
    }
    await rehearsal.close()
    for number in 1...max(1, cycles) {
      let fault = mode.draw(number, of: cycles, random)
      say("cycle \(number): \(fault)")
      var cycle = StorageCycle()
      let machine = StorageMachine(vfs: vfs, seed: random.uint64())
      do { try await mode.run(fault, machine, random, &cycle) } catch {
        cycle.complaints.append("\(error)")
      }
      await machine.end()
      cycle.join(&report, number, "\(fault)")
    }
    mode.conclude(&report)
    return report
  }
}
