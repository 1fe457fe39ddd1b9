import Platform
import Synchronization
import Wire

/// That another process has taken a cell over that has no followers: restored on a new disk, or
/// spread over other cells.
///
/// A cell with followers hears it from them, and follows then; this one has nobody to follow and
/// serves no more.
final class CellFence: Sendable {
  private let higher = Mutex<Generation?>(nil)

  /// The generation that has taken over; nil: none was heard of.
  var generation: Generation? { higher.withLock { $0 } }

  func met(_ generation: Generation) {
    higher.withLock { $0 = max($0 ?? generation, generation) }
  }
}

extension CellNode {
  /// Why this process serves no more; nil: it serves.
  var stop: ReplicationStop? {
    if let replication { return replication.stop }
    return (fence.generation ?? fencedInArchive).map(ReplicationStop.fenced)
  }

  /// The control plane says that a generation above this one has taken over.
  func wasReplaced() {
    let next = Generation(messenger.identity.generation.rawValue + 1)
    replication?.met(next, engine.journal)
    fence.met(next)
  }

  /// A request that was meant for another generation of this cell.
  ///
  /// A higher one fences at once: whoever sent it knows who has taken over.
  func meet(_ other: Generation) throws(Failure) {
    if let replication { replication.met(other, engine.journal) }
    let isMine =
      other <= messenger.identity.generation || Sabotage.skipGenerationCheck.isOn
    if !isMine { fence.met(other) }
    guard stop == nil, isMine else {
      throw Failure(.generationFenced, "a higher generation of this cell has taken over")
    }
  }
}
