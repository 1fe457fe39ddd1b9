import Platform
import Wire

/// What a command sees of its tenant: the one transaction that its batch shares.
///
/// Lives only inside the closure that received it. A command reads no clock and draws no other
/// randomness than this one's; it throws a `Failure` to refuse, and its changes are undone.
public final class Transaction {
  public let tenant: TenantID
  /// The tenant's time: max(wall clock, last record's time), taken once per batch.
  public let now: Timestamp
  let source: any TransactionSource

  init(tenant: TenantID, now: Timestamp, source: any TransactionSource) {
    self.tenant = tenant
    self.now = now
    self.source = source
  }

  /// The writing connection of one file; the first call in a batch enlists the file.
  public func file(_ kind: FileKind) throws -> Connection { try source.enlist(kind) }

  /// The answer that is kept under a claim, this command's own or another; nil: none.
  ///
  /// Throws `idempotencyConflict` where another payload has it.
  public func answer(under claim: IdempotencyClaim) throws -> StoredAnswer? {
    try source.find(claim, now: now).stored()
  }

  /// A key for a new row: rises with time, never reused in this tenant.
  public func freshID() -> RowID { source.freshID(now: now) }

  public func randomBytes(_ count: Int) -> [UInt8] { source.randomBytes(count) }

  /// Says that this command may have changed when the tenant next has work to do.
  ///
  /// The contexts are asked anew; where something was only added, ``addDue(at:)`` costs less.
  public func dueMayHaveChanged() { source.dueMayHaveChanged() }

  /// Says that this command added work that is due at `time`, and took none away.
  public func addDue(at time: Timestamp) { source.addDue(at: time) }

  /// A value made of rows of `tables`, all of one file, which seldom change: made again only after
  /// one of these tables changed, or where `isValid` says no.
  ///
  /// `key` must be of a type of its own per kind of value.
  public func remember<Key: Hashable & Sendable, Value: Sendable>(
    _ key: Key, in file: FileKind, tables: [UInt16],
    isValid: (Value) -> Bool = { _ in true }, _ make: (Connection) throws -> Value
  ) throws -> Value {
    try source.remember(key, in: file, tables: tables, isValid: isValid, make)
  }

  /// Runs `effect` after the record is durable and committed (the output gate), never before, and
  /// not at all where the command is undone.
  ///
  /// Short and non-blocking: wakes a worker, no more.
  public func afterCommit(_ effect: @escaping @Sendable () -> Void) { source.afterCommit(effect) }
}

/// What stands behind a ``Transaction``: the engine's writer, or a test's direct files.
protocol TransactionSource: AnyObject {
  func enlist(_ kind: FileKind) throws -> Connection
  func find(_ claim: IdempotencyClaim, now: Timestamp) throws -> IdempotencyStore.Found
  func freshID(now: Timestamp) -> RowID
  func randomBytes(_ count: Int) -> [UInt8]
  func dueMayHaveChanged()
  func addDue(at time: Timestamp)
  func remember<Key: Hashable & Sendable, Value: Sendable>(
    _ key: Key, in file: FileKind, tables: [UInt16], isValid: (Value) -> Bool,
    _ make: (Connection) throws -> Value
  ) throws -> Value
  func afterCommit(_ effect: @escaping @Sendable () -> Void)
}
