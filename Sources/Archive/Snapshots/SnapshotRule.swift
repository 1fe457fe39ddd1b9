import Wire

/// What has been archived of one tenant since its last snapshot.
struct TenantTail: Hashable, Sendable {
  var records: UInt64 = 0
  var bytes: UInt64 = 0
  var hasSchemaStep = false
  /// When the first of them was seen; nil: none was.
  var since: Timestamp?
  /// Size of the last snapshot; nil: there is none.
  var snapshotBytes: UInt64?

  /// A record was archived.
  mutating func add(bytes count: Int, isSchemaStep: Bool, at now: Timestamp) {
    records += 1
    bytes += UInt64(count)
    hasSchemaStep = hasSchemaStep || isSchemaStep
    since = since ?? now
  }
}

/// When a tenant is due for a snapshot.
///
/// Decides only. What a restore replays is bounded by it: at 20,000 records/s the record bound is
/// one second.
struct SnapshotRule: Hashable, Sendable {
  var records: UInt64 = 20_000
  var bytes: UInt64 = 16 * 1_024 * 1_024
  /// A tenant that writes little is due after this time, so that a restore need not read far.
  var ageMilliseconds: Int64 = 24 * 3_600_000
  /// A first snapshot waits this long: a tenant is made with several records.
  var firstMilliseconds: Int64 = 5_000
  /// After a schema step; additions come in rows.
  var schemaMilliseconds: Int64 = 2_000

  func isDue(_ tail: TenantTail, at now: Timestamp) -> Bool {
    guard let since = tail.since, tail.records > 0 else { return false }
    let age = now.milliseconds - since.milliseconds
    guard let size = tail.snapshotBytes else { return age >= firstMilliseconds }
    if tail.hasSchemaStep, age >= schemaMilliseconds { return true }
    // A large tenant is not copied for every few records: its tail may grow to a part of its size.
    return tail.records >= records || tail.bytes >= max(bytes, size / 4) || age >= ageMilliseconds
  }
}
