import Messaging
import Wire

extension Replication {
  /// Has a follower store a tenant's files in the archive; answers the snapshot's name.
  ///
  /// Throws `cell_unavailable` where no follower is fed, and what the follower refuses with.
  func snapshot(of tenant: TenantID) async throws -> String {
    guard let link = links.first(where: { $0.current.isStreaming }) else {
      throw Failure(.cellUnavailable, "no follower is fed", retryAfterMilliseconds: 1_000)
    }
    return try await link.snapshot(of: tenant)
  }
}

extension FollowerLink {
  /// Has the follower store a tenant's files in the archive; answers the snapshot's name.
  package func snapshot(of tenant: TenantID) async throws -> String {
    var work = Aimstors_ProtoCellWork()
    work.kind = "snapshot"
    work.tenant = tenant.rawValue
    do {
      let status: Aimstors_ProtoCellWorkStatus = try await ask(
        .work, work, timeout: ReplicationLimits.snapshotTimeout)
      return status.result
    } catch MessagingError.refused(let failure) {
      throw failure
    }
  }
}
