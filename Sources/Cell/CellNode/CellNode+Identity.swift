import Storage
import Wire

/// What leaves of people, credentials and audit beside the requests.
extension CellNode {
  /// Letters and alerts leave about once a second; a server that is slow holds nothing else up.
  func deliver() async {
    let identity = services.identity
    // What waited when the process before this one ended.
    let recent = engine.servedHeads.filter { $0.key != .cellStore }.sorted {
      ($1.value.time, $0.key.rawValue) < ($0.value.time, $1.key.rawValue)
    }
    for (tenant, _) in recent.prefix(CellLimits.resumedDeliveries) {
      identity.letters.wake(tenant)
      identity.alerts.note(tenant)
      try? await Task.sleep(for: CellLimits.resumePause)
      await identity.letters.round()
      await identity.alerts.round()
    }
    while !Task.isCancelled {
      try? await Task.sleep(for: CellLimits.refusalInterval)
      await identity.letters.round()
      await identity.alerts.round()
    }
  }

  /// Refused credentials, checkpoints and security events leave about once a second: none on a
  /// request's path.
  func keepIdentity() async {
    while !Task.isCancelled {
      try? await Task.sleep(for: CellLimits.refusalInterval)
      let identity = services.identity
      await identity.refusals.round(wrote: { identity.logMayHaveGrown($0) })
      await services.security.round()
      guard link.isJoined else { continue }
      let link = link
      let now = Timestamp(milliseconds: clock.milliseconds())
      await identity.witness.run(logger: logger, now: now) { (bytes) async throws(Failure) in
        try await link.witness(bytes)
      }
    }
  }
}
