import Messaging
import Platform
import Storage
import Wire

/// What a primary tells of its followers.
extension Replication {
  func report(_ journal: Journal? = nil) -> Aimstors_ProtoReplicaReport {
    var report = Aimstors_ProtoReplicaReport()
    report.cell = cell.rawValue
    report.replica = configuration.replica
    report.generation = generation.rawValue
    report.address = address()
    report.isPrimary = true
    report.areModesUnknown = !state.withLock { $0.areModesKnown }
    report.isMixed = report.areModesUnknown || modes.isAnyLocal
    if let journal {
      report.end = journal.end.message
      report.followers = lags(journal)
    }
    return report
  }

  /// How far each follower is behind.
  func lags(_ journal: Journal) -> [Aimstors_ProtoFollowerLag] {
    let standings = state.withLock { $0.standings }
    let (now, last) = (MonotonicTime.nanoseconds(), journal.lastSeq)
    return links.map { link in
      let sight = link.current
      var lag = Aimstors_ProtoFollowerLag()
      lag.replica = link.name
      lag.phase = "\(standings[link.name]?.phase ?? .out)"
      lag.connected = sight.isStreaming && link.isConnected
      lag.records = sight.recordsBehind(last)
      lag.bytes = lag.records == 0 ? 0 : sight.bytesBehind
      lag.milliseconds = Int64(clamping: sight.oldestMissing(at: now) / 1_000_000)
      return lag
    }
  }

  func problems() -> [Storage.Problem] {
    let (missing, asked) = state.withLock { ($0.missingSince, $0.replica.asked) }
    var problems = missing.sorted { $0.key < $1.key }.map { follower, since in
      Storage.Problem(
        code: "follower_missing", since: since, runbook: "docs/runbooks/follower-missing.md",
        tenant: nil, detail: "follower \(follower) is not fed")
    }
    for follower in configuration.peers.map(\.replica)
    where modes.isAnyFollower && !asked.contains(follower) {
      problems.append(
        Storage.Problem(
          code: "replication_degraded", since: missing[follower] ?? now,
          runbook: "docs/runbooks/follower-missing.md", tenant: nil,
          detail: "acknowledged without follower \(follower)"))
    }
    return problems
  }
  /// What is wrong with a cell without followers that has tenants who ask for one: after the loss
  /// of theirs it was the only cell that could take them.
  static func unkept(_ modes: DurabilityModes, at now: Timestamp) -> [Storage.Problem] {
    let strict = modes.strict
    guard !strict.isEmpty else { return [] }
    let named = strict.prefix(ReplicationLimits.namedTenants).map(\.rawValue).joined(
      separator: ", ")
    return [
      Storage.Problem(
        code: "replication_degraded", since: now, runbook: "docs/runbooks/follower-missing.md",
        tenant: nil,
        detail: "\(strict.count) tenants ask for a follower and this cell has none: \(named)")
    ]
  }
}
