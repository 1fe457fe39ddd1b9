import Platform
import Simulation
import Storage
import Wire

/// A store on a full disk: what cannot be done for want of room is done later, and the process
/// lives.
extension SimulatedStore {
  /// Nothing of theirs has run.
  static let waitsForDisk = Failure(.recovering, "this tenant waits for its cell's disk")

  /// Whether a call failed that may be made again once there is room.
  func isForRoom(_ error: FileError) -> Bool { options.fullDisks > 0 && error.isDiskFull }

  /// Writes one group; answers whether there was no room for it.
  func writeGroup() -> Bool {
    let (refusals, hadReserve) = (disk.roomRefusals, hasReserve)
    journal.step()
    guard disk.roomRefusals > refusals else { return false }
    // Refused once, and then no more: there was room where the reserve had been.
    guard hadReserve, !hasReserve, disk.roomRefusals == refusals + 1 else { return true }
    sometimes.usedReserve += 1
    return false
  }

  /// Looked for past the process: a call of its own would change when its power goes.
  private var hasReserve: Bool { disk.bytes("\(Self.journalDirectory)/reserve") != nil }

  /// Commits what a durable record changed; false: there is no room, and the tenant is stalled.
  func commit(_ batch: InFlight, to tenant: Tenant) throws -> Bool {
    guard let changes = batch.changes else { return true }
    let identity = batch.record.identity
    let refusals = disk.roomRefusals
    do {
      try tenant.file.commit(changes, at: identity.tenantSeq)
    } catch {
      guard let cause = error as? FileError, isForRoom(cause) else { throw error }
      if disk.roomRefusals > refusals, !tenant.lacksRoom {
        tenant.lacksRoom = true
        sometimes.stalled += 1
      }
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
    if tenant.machine.caughtUp(), tenant.lacksRoom { sometimes.caughtUp += 1 }
    tenant.lacksRoom = false
  }

  /// Whether some tenant's file lacks a record that is durable.
  var isBehind: Bool { tenants.values.contains { $0.lack != nil } }
}
