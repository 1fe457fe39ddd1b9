import Archive
import Logging
import Platform
import Storage
import Wire

/// Fetches the files of a follower's stopped tenants from the archive, each to exactly where this
/// journal is, verified; the engine replays what lies behind.
struct FollowerRefill: Sendable {
  let archive: Archive
  let engine: StorageEngine
  let cell: CellID
  let schema: @Sendable (TenantID) -> StoreSchema
  let files: any FileSystem
  let logger: Logger

  /// Looks until the task is cancelled.
  func run() async {
    var said: [TenantID: String] = [:]
    while !Task.isCancelled {
      for (tenant, head) in engine.stoppedTenants.sorted(by: { $0.key < $1.key }) {
        do {
          try await fill(tenant, head)
          said[tenant] = nil
          logger.notice("a tenant's files came from the archive", metadata: ["tenant": "\(tenant)"])
        } catch {
          // The archive follows the primary: what it lacks now it has a second later.
          let reason = "\(error)"
          guard said[tenant] != reason else { continue }
          said[tenant] = reason
          logger.warning(
            "a tenant's files are not fetched",
            metadata: ["tenant": "\(tenant)", "reason": "\(reason)"])
        }
      }
      do { try await Task.sleep(for: FollowerLimits.refillInterval) } catch { return }
    }
  }

  private func fill(_ tenant: TenantID, _ head: TenantHead) async throws {
    let place = engine.preparedDirectory(tenant, head.lineage)
    // Beside it until it is whole: what lies there a start puts in the tenant's place.
    let beside = "\(place).partial"
    // Not further: files that are ahead of this journal would look like a lost end of it.
    let restored = try await TenantRestorer(
      archive: archive, files: files, running: engine.runningTenants
    ).restore(
      tenant, schema: schema(tenant), to: .tenantSeq(head.tenantSeq), cell: cell,
      into: beside, lineage: head.lineage)
    guard restored.position.hash == head.hash else {
      throw ArchiveError.incomplete("it holds another record \(head.tenantSeq.rawValue)")
    }
    try FileTree.remove(place, files)
    try files.rename(beside, to: place)
    do throws(Failure) { try engine.refill(tenant, head) } catch {
      if error.code == .conflict { try FileTree.remove(place, files) }
      throw error
    }
  }
}
