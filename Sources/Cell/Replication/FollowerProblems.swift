import Storage
import Wire

/// What an operator hears of a cell whose records do not have the copies that somebody asked for.
enum FollowerProblems {
  private static let runbook = "docs/runbooks/follower-missing.md"

  /// Of a cell that has followers: those that get nothing (`missing`, since when), and those
  /// without whom records are acknowledged although somebody waits for them.
  static func found(
    fed followers: [String], asked: Set<String>, missing: [String: Timestamp],
    _ modes: DurabilityModes, at now: Timestamp
  ) -> [Storage.Problem] {
    let silent = missing.sorted { $0.key < $1.key }.map { follower, since in
      Storage.Problem(
        code: "follower_missing", since: since, runbook: runbook, tenant: nil,
        detail: "follower \(follower) is not fed")
    }
    guard modes.isAnyFollower else { return silent }
    return silent
      + followers.filter { !asked.contains($0) }.map { follower in
        Storage.Problem(
          code: "replication_degraded", since: missing[follower] ?? now, runbook: runbook,
          tenant: nil, detail: "acknowledged without follower \(follower)")
      }
  }

  /// Of a cell without followers: its tenants that ask for one.
  ///
  /// After the loss of theirs it was the only cell that could take them.
  static func unkept(_ modes: DurabilityModes, at now: Timestamp) -> [Storage.Problem] {
    let strict = modes.strict
    guard !strict.isEmpty else { return [] }
    let named = strict.prefix(ReplicationLimits.namedTenants).map(\.rawValue).joined(
      separator: ", ")
    return [
      Storage.Problem(
        code: "replication_degraded", since: now, runbook: runbook, tenant: nil,
        detail: "\(strict.count) tenants ask for a follower and this cell has none: \(named)")
    ]
  }
}
