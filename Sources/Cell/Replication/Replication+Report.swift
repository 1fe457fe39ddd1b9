import Messaging
import Platform
import Storage
import Wire

/// What a primary tells of its followers.
extension Replication {
  /// `claimed`: a higher generation in the archive.
  func report(
    _ journal: Journal? = nil, claimed: Generation? = nil
  ) -> Aimstors_ProtoReplicaReport {
    var report = Aimstors_ProtoReplicaReport()
    report.cell = cell.rawValue
    report.replica = configuration.replica
    report.generation = generation.rawValue
    report.address = address()
    report.isPrimary = true
    report.areModesUnknown = !state.withLock { $0.areModesKnown }
    report.isMixed = report.areModesUnknown || modes.isAnyLocal
    report.claimed = claimed?.rawValue ?? 0
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
    return FollowerProblems.found(
      fed: configuration.peers.map(\.replica), asked: asked, missing: missing, modes, at: now)
  }
}
