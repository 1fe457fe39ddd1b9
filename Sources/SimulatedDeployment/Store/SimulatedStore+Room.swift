import Platform
import Storage
import Wire

/// A store on a full disk: what cannot be done for want of room is done later, and the process
/// lives.
extension SimulatedStore {
  /// Nothing of theirs has run.
  static let waitsForDisk = Failure(.recovering, "this tenant waits for its cell's disk")

  /// Whether a call failed that may be made again once there is room.
  func isForRoom(_ error: FileError) -> Bool { options.fullDisks > 0 && error.isDiskFull }

  /// Commits what a durable record changed; false: there is no room, and the tenant is stalled.
  func commit(_ batch: InFlight, to tenant: Tenant) throws -> Bool {
    guard let changes = batch.changes else { return true }
    let identity = batch.record.identity
    do {
      try tenant.file.commit(changes, at: identity.tenantSeq)
    } catch let error as FileError where isForRoom(error) {
      tenant.lack = batch
      tenant.machine.stalled(at: clocks.nanoseconds)
      stalled.append(identity.tenant)
      return false
    }
    tenant.lack = nil
    tenant.tap?.append(
      StreamedRecord(record: batch.record, changes: changes, digest: tenant.file.image.digest))
    return true
  }

  /// What callers hear of a record that is true and not applied, and those who wait behind it.
  func answerStalled(_ batch: InFlight, of tenant: Tenant) {
    sometimes.stalled += 1
    let unknown = Failure(.outcomeUnknown, "recorded, but not yet applied; ask again later")
    for refuse in batch.refuse { refuse(unknown) }
    for command in tenant.mailbox { command.answer(.failed(Self.waitsForDisk)) }
    tenant.mailbox = []
  }

  /// Tenants that stalled since this was asked, each with the microseconds to its next attempt.
  func takeStalled() -> [(tenant: TenantID, wait: Int)] {
    defer { stalled = [] }
    return stalled.compactMap { id in
      guard case .stalled(let until) = tenants[id]?.machine.state else { return nil }
      return (id, Int((until - min(until, clocks.nanoseconds)) / 1_000) + 1)
    }
  }

  /// Tries again what a stalled tenant lacks.
  func catchUp(_ id: TenantID) throws {
    guard let tenant = tenants[id], let batch = tenant.lack,
      tenant.machine.attemptAsked(at: clocks.nanoseconds), try commit(batch, to: tenant)
    else { return }
    touched.append(id)
    if tenant.machine.caughtUp() { sometimes.caughtUp += 1 }
  }

  /// Whether some tenant's file lacks a record that is durable.
  var isBehind: Bool { tenants.values.contains { $0.lack != nil } }
}
