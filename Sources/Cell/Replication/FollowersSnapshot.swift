import Archive
import Messaging
import Wire

extension Replication {
  /// Has a follower store a tenant's files as of a point in the archive; answers the snapshot's
  /// name.
  ///
  /// Throws `cell_unavailable` where no follower is fed, and what the follower refuses with.
  func snapshot(of tenant: TenantID, at target: RestoreTarget) async throws -> String {
    guard let link = links.first(where: { $0.current.isStreaming }) else {
      throw Failure(.cellUnavailable, "no follower is fed", retryAfterMilliseconds: 1_000)
    }
    return try await link.snapshot(of: tenant, at: target)
  }
}

extension FollowerLink {
  /// Has the follower store a tenant's files as of a point in the archive; answers the snapshot's
  /// name.
  ///
  /// A follower of an older version stores what it has last, whatever it is asked.
  package func snapshot(
    of tenant: TenantID, at target: RestoreTarget = .latest
  ) async throws -> String {
    var work = Aimstors_ProtoCellWork()
    work.kind = "snapshot"
    work.tenant = tenant.rawValue
    work.at = "\(target)"
    do {
      let status: Aimstors_ProtoCellWorkStatus = try await ask(
        .work, work, timeout: ReplicationLimits.snapshotTimeout)
      return status.result
    } catch MessagingError.refused(let failure) {
      throw failure
    }
  }
}
