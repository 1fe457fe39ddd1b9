import Storage
import Wire

/// What leaves of people, credentials and audit beside the requests.
extension CellNode {
  /// Messages, and letters and alerts as well: before the standing orders are known nobody knows
  /// what an owner before this one may have sent.
  func sendWhenAllowed() async {
    guard await sending.wait(logger, until: { [link] in link.isJoined }) else { return }
    async let delivering: Void = deliver()
    await outbox.run()
    await delivering
  }

  /// Letters and alerts leave about once a second; a server that is slow holds nothing else up.
  func deliver() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.resumeDeliveries() }
      group.addTask { await Self.everySecond { await self.services.identity.letters.round() } }
      group.addTask { await Self.everySecond { await self.services.identity.alerts.round() } }
    }
  }

  /// What waited when the process before this one ended: tenants that wrote last come first, the
  /// others one after the other, since looking opens them.
  private func resumeDeliveries() async {
    let recent = engine.servedHeads.filter { $0.key != .cellStore }.sorted {
      ($1.value.time, $0.key.rawValue) < ($0.value.time, $1.key.rawValue)
    }
    for (tenant, _) in recent.prefix(CellLimits.resumedDeliveries) {
      services.identity.letters.wake(tenant)
      services.identity.logMayHaveGrown(tenant)
      try? await Task.sleep(for: CellLimits.resumePause)
    }
  }

  private static func everySecond(_ body: () async -> Void) async {
    while !Task.isCancelled {
      await body()
      try? await Task.sleep(for: CellLimits.refusalInterval)
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
