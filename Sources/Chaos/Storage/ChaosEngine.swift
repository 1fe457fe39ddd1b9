import Logging
import Platform
import Simulation
import Storage
import Synchronization
import Wire

/// One life of the real engine: its journal on a simulated disk, its tenants' files on a real one.
///
/// A life ends by ``close()``, or by being dropped after its disk failed.
struct ChaosEngine: Sendable {
  let engine: StorageEngine
  let report: RecoveryReport
  /// Opened when the load is through, or when the journal says that the process must end.
  let ended: Latch

  init(
    _ directory: String, _ disk: SimulatedDisk, seed: UInt64, cell: String = "c1",
    generation: Generation = .first
  ) async throws {
    var configuration = EngineConfiguration(directory: directory, cell: CellID(trusted: cell))
    configuration.generation = generation
    // Small segments, so that a short load makes, seals and prepares several.
    configuration.adjustJournal = {
      $0.directory = MixedFiles.journal
      $0.groupBytes = 16 * 1_024
      $0.segmentBytes = 48 * 1_024
      $0.reserveBytes = 0
    }
    let ended = Latch()
    self.ended = ended
    engine = StorageEngine(
      configuration, clock: SimulatedWallClock(), random: SeededRandomSource(seed: seed),
      files: MixedFiles(simulated: disk.fileSystem()),
      // What it would say is what the mode expects, and checks.
      log: Logger(label: "storage", factory: { _ in SwiftLogNoOpLogHandler() }),
      schema: { _ in ChaosSchema.store },
      fatal: { _ in ended.open(.fatal) })
    report = try await engine.start()
  }

  func close() async { await engine.close() }
}

/// The end of a life's load, which comes once and is waited for by one.
final class Latch: Sendable {
  enum End: Sendable { case finished, fatal, stuck }
  private let state = Mutex<(end: End?, waiting: CheckedContinuation<End, Never>?)>((nil, nil))

  var isOpen: Bool { state.withLock { $0.end != nil } }

  func open(_ end: End) {
    let waiting = state.withLock { state -> CheckedContinuation<End, Never>? in
      guard state.end == nil else { return nil }
      state.end = end
      return state.waiting.take()
    }
    waiting?.resume(returning: end)
  }

  func wait() async -> End {
    await withCheckedContinuation { continuation in
      let end = state.withLock { state in
        if state.end == nil { state.waiting = continuation }
        return state.end
      }
      if let end { continuation.resume(returning: end) }
    }
  }
}
