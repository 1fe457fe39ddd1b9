import Platform
import Storage
import Wire

/// The journal is kept short: files are made durable, the heads stored, old segments removed.
extension SimulatedStore {
  /// Whether a start would read so much that tenants are to be flushed.
  var isLong: Bool {
    journal.bytesNeeded(from: table.flushedThrough.next) > UInt64(options.replayBytes)
  }

  /// Tenants that pin the journal, the longest first; a stalled one's file lacks a record, whatever
  /// is flushed.
  var pinning: [TenantID] { table.pinning.filter { tenants[$0]?.lack == nil } }

  /// Makes a tenant's file durable as it is now.
  func flush(_ id: TenantID) throws {
    guard let tenant = tenants[id], tenant.lack == nil else { return }
    do {
      try tenant.file.flush()
    } catch let error as FileError where isForRoom(error) {
      return
    }
    if let head = table[id] { table.flushed(id, through: head.cellSeq) }
  }

  /// What may go; under the broken rule also what files have only in memory.
  private var trimming: JournalTrimming {
    let checkpoint = table.trimming.checkpoint
    guard brokenRule == .trimUnflushed else { return table.trimming }
    return JournalTrimming(checkpoint: checkpoint, pastAll: checkpoint.through)
  }

  /// Stores the heads, then removes the segments that no file needs.
  func trim() throws {
    let before = journal.segmentStarts.count
    do {
      try journal.trim(trimming)
    } catch {
      guard case .file(let cause) = error, isForRoom(cause) else { throw error }
      return
    }
    sometimes.trimmed += before - journal.segmentStarts.count
  }
}
