import Platform
import Wire

/// One cell's journal, open for appending: one writer thread, one fsync for all that waits.
public final class Journal: Sendable {
  /// Opens the journal in `configuration.directory`, or begins one there.
  ///
  /// Everything past the last sealed segment is rewritten and fsynced before this returns.
  /// `applied` is asked only where the journal ends in something invalid: the highest applied seq
  /// of each tenant's files, as proof of what was durable. `fatal` must end the process: after it
  /// is called nothing is answered any more. Throws ``JournalError``; damage is not thrown but
  /// in ``OpenedJournal/damage``.
  public static func open(
    _ configuration: JournalConfiguration, files: any FileSystem,
    applied: @Sendable () throws -> [TenantID: TenantSeq] = { [:] },
    fatal: @escaping @Sendable (JournalFatality) -> Void
  ) throws -> OpenedJournal {
    preconditionFailure("interface only")
  }

  /// Gives one record to the writer; `completion` runs once, on the writer's thread: short, and
  /// never blocking. Records of one call order keep that order. `more` says that the caller has
  /// further work ready, so that the writer may wait a moment for it.
  public func append(
    _ record: SealedRecord, more: Bool = false,
    completion: @escaping @Sendable (AppendOutcome) -> Void
  ) {
    preconditionFailure("interface only")
  }

  /// The records from `start` on that are durable at the time of the call, in order.
  public func records(from start: CellSeq) throws(JournalError) -> JournalRecords {
    preconditionFailure("interface only")
  }

  /// Removes the segments that hold only records at or before `pastAll`. The caller has made sure
  /// that files and the checkpoint of heads are durable past it.
  public func trim(pastAll: CellSeq) throws(JournalError) {
    preconditionFailure("interface only")
  }

  /// Writes the checkpoint of heads durably (temporary file, fsync, rename, fsync of the
  /// directory). `checkpoint.through` says up to where it holds.
  public func writeHeads(_ checkpoint: HeadsCheckpoint) throws(JournalError) {
    preconditionFailure("interface only")
  }

  public var metrics: JournalMetrics { preconditionFailure("interface only") }

  /// Writes what waits, then ends the thread and gives up the directory.
  public func close() {}
}

/// What ``Journal/open(_:files:applied:fatal:)`` found.
public struct OpenedJournal: Sendable {
  public let journal: Journal
  /// The checkpoint of heads with the records after it folded in.
  public let heads: [TenantID: TenantHead]
  /// The position up to which the checkpoint on disk held; zero without one. Records that files
  /// may lack can lie before it: replay starts where the oldest file's applied seq says, and the
  /// journal keeps every segment until ``Journal/trim(pastAll:)`` allows its removal.
  public let checkpointThrough: CellSeq
  /// The first position still in the journal.
  public let first: CellSeq
  /// The last durable position; `first - 1` in an empty journal.
  public let last: CellSeq
  /// Ranges that were durable and cannot be read. Tenants stop as ``DamagedRange/stops(_:applied:)``
  /// says. Where it reaches the journal's end, nothing can be appended until a repair.
  public let damage: [DamagedRange]
  /// Bytes of a torn last group that were cut, for the log: nothing in it was acknowledged.
  public let cutBytes: UInt64
}

/// A sequence over a journal's records in order; throws ``JournalError`` at what cannot be read.
///
/// Damaged ranges that were reported at opening are stepped over.
public struct JournalRecords {
  public mutating func next() throws(JournalError) -> JournalRecord? {
    preconditionFailure("interface only")
  }
}

/// The table of tenant heads as stored.
public struct HeadsCheckpoint: Hashable, Sendable {
  /// Every record at or before this position is in the table.
  public var through: CellSeq
  public var heads: [TenantID: TenantHead]

  public init(through: CellSeq, heads: [TenantID: TenantHead]) {
    self.through = through
    self.heads = heads
  }
}
