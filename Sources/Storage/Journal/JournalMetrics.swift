import Platform

/// Counters of one journal since it was opened, and its size now.
public struct JournalMetrics: Hashable, Sendable {
  public var records: UInt64 = 0
  public var groups: UInt64 = 0
  public var bytes: UInt64 = 0
  public var synchronizations: UInt64 = 0
  public var cutRecords: UInt64 = 0
  public var refusedRecords: UInt64 = 0
  /// Nanoseconds spent in fsync, in sum and at most.
  public var synchronizeNanoseconds: UInt64 = 0
  public var slowestSynchronizeNanoseconds: UInt64 = 0
  /// How long each fsync took.
  public var synchronizeLatency = Histogram()
  public var queuedRecords: Int = 0
  public var queuedBytes: Int = 0
  public var segments: Int = 0
  /// Bytes of groups not yet trimmed: what a replay from the oldest segment would read.
  public var untrimmedBytes: UInt64 = 0

  public init() {}

  mutating func add(records: Int, bytes: Int, synchronizeNanoseconds: UInt64) {
    self.records += UInt64(records)
    groups += 1
    self.bytes += UInt64(bytes)
    synchronizations += 1
    self.synchronizeNanoseconds += synchronizeNanoseconds
    synchronizeLatency.record(microseconds: Int64(clamping: synchronizeNanoseconds / 1_000))
    slowestSynchronizeNanoseconds = max(slowestSynchronizeNanoseconds, synchronizeNanoseconds)
  }
}
