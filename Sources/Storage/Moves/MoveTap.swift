import Synchronization
import Wire

/// The records of one tenant that became true since a move began: what its target still lacks.
///
/// In order and bounded; a move whose target cannot keep up is given up.
final class MoveTap: Sendable {
  /// Bytes that wait at most; more ends the move.
  let byteLimit: Int

  private struct State {
    var records = Deque<SealedRecord>()
    var bytes = 0
    var hasOverflowed = false
  }
  private let state = Mutex(State())

  init(byteLimit: Int = 128 << 20) { self.byteLimit = byteLimit }

  func add(_ record: SealedRecord) {
    state.withLock { state in
      guard !state.hasOverflowed else { return }
      guard state.bytes + record.bytes.count <= byteLimit else {
        state.hasOverflowed = true
        state.records = Deque()
        return
      }
      state.records.append(record)
      state.bytes += record.bytes.count
    }
  }

  /// Takes records after `seq`, at most `limit` bytes or one that is larger; empty where there is
  /// none now.
  ///
  /// Throws `overloaded` where the target is too far behind.
  func take(after seq: TenantSeq, bytes limit: Int) throws(Failure) -> [SealedRecord] {
    let taken = state.withLock { state -> [SealedRecord]? in
      if state.hasOverflowed { return nil }
      var taken: [SealedRecord] = []
      var room = MessageRoom(limit)
      while let next = state.records.first {
        let isMissing = next.identity.tenantSeq > seq
        guard !isMissing || next.bytes.count <= room.left else { break }
        _ = state.records.popFirst()
        state.bytes -= next.bytes.count
        guard isMissing else { continue }
        room.take(next.bytes.count)
        taken.append(next)
      }
      return taken
    }
    guard let taken else {
      throw Failure(.overloaded, "the move's target is more than \(byteLimit >> 20) MiB behind")
    }
    return taken
  }

  var waitingBytes: Int { state.withLock { $0.bytes } }
}
