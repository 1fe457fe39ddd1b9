import Platform
import Synchronization

/// Counters of one engine since its start.
public struct EngineMetricsSnapshot: Sendable, Hashable {
  /// Why commands were turned away unrun.
  public enum Shed: String, Hashable, Sendable, CaseIterable { case mailbox, cell, deadline, reads }

  public var sheds: [Shed: UInt64] = [:]
  public var commands: UInt64 = 0
  public var batches: UInt64 = 0
  /// From the beginning of a batch to its COMMIT.
  public var commitLatency = Histogram()
  public var outcomeUnknown: UInt64 = 0
  public var commitFailures: UInt64 = 0
  public var digestMismatches: UInt64 = 0
  public var replayedRecords: UInt64 = 0
  public var queuedCommands = 0
  public var openTenants = 0
  public var tenants = 0
  public var flushes: UInt64 = 0
  public var journal = JournalMetrics()
}

final class EngineMetrics: Sendable {
  private let state = Mutex(EngineMetricsSnapshot())

  var snapshot: EngineMetricsSnapshot { state.withLock { $0 } }

  func shed(_ reason: EngineMetricsSnapshot.Shed) {
    state.withLock { $0.sheds[reason, default: 0] += 1 }
  }

  func batch(commands: Int) {
    state.withLock {
      $0.batches += 1
      $0.commands += UInt64(commands)
    }
  }

  func committed(after duration: Duration) {
    state.withLock { $0.commitLatency.record(duration) }
  }

  func outcomeUnknown(_ count: Int) { state.withLock { $0.outcomeUnknown += UInt64(count) } }
  func commitFailed() { state.withLock { $0.commitFailures += 1 } }
  func digestMismatch() { state.withLock { $0.digestMismatches += 1 } }
  func replayed(_ count: UInt64) { state.withLock { $0.replayedRecords += count } }
  func flushed() { state.withLock { $0.flushes += 1 } }
}
