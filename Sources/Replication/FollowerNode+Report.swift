import Edge
import Messaging
import Platform
import Storage
import Wire

/// What a follower tells of itself: to the control plane, and to the process around it.
extension FollowerNode {
  /// Tells the control plane where this replica answers and how far it is.
  func report() async {
    let peer = messenger.peer(at: configuration.controlPlane)
    while !Task.isCancelled {
      if let payload = try? Coding.encode(reportMessage()) {
        _ = try? await peer.request(
          .replicaReport, payload, timeout: FollowerLimits.controlPlaneTimeout, traceID: "")
      }
      try? await Task.sleep(for: FollowerLimits.reportInterval)
    }
  }

  private func reportMessage() -> Aimstors_ProtoReplicaReport {
    var report = Aimstors_ProtoReplicaReport()
    report.cell = configuration.cell.rawValue
    report.replica = configuration.replica
    report.generation = state.withLock { $0.replica.generation.rawValue }
    report.address =
      configuration.advertise.isEmpty ? address?.url ?? "" : configuration.advertise
    report.version = configuration.version
    report.readsLevel = FormatLevel.newest
    report.end = (engine.journal?.end ?? .start).message
    // That the primary is silent is no trouble of this copy: it may be promoted for that.
    let own = problems().filter { $0.code != Self.primarySilent }
    report.problems = own.prefix(FollowerLimits.reportedProblems).map {
      Aimstors_ProtoProblem(
        code: $0.code, detail: $0.detail, since: $0.since, runbook: $0.runbook)
    }
    return report
  }

  /// A tenant's digests as its files here have them.
  func digest(_ query: Aimstors_ProtoDigestRequest) async throws(Failure) -> [UInt8] {
    guard let tenant = TenantID(query.tenant) else {
      throw Failure(.invalidIdentifier, "not a tenant id")
    }
    let digest = try await engine.digest(tenant, recompute: query.recompute)
    var answer = Aimstors_ProtoDigestAnswer()
    answer.tenantSeq = digest.tenantSeq.rawValue
    for (name, value) in digest.files { answer.files[name] = "\(value)" }
    answer.recomputed = digest.recomputed
    return try Coding.encode(answer)
  }

  private static let primarySilent = "primary_silent"

  private func problems() -> [HealthReport.Problem] {
    let now = clock.milliseconds()
    var problems = engine.problems.map { problem in
      HealthReport.Problem(
        code: problem.code, since: problem.since, runbook: problem.runbook,
        detail: (problem.tenant.map { "\($0): " } ?? "") + problem.detail)
    }
    if let heardAt = state.withLock({ $0.heardAt }),
      now - heardAt.milliseconds > FollowerLimits.silenceMilliseconds
    {
      problems.append(
        .init(
          code: Self.primarySilent, since: heardAt, runbook: "docs/runbooks/follower-missing.md",
          detail: "nothing has come from the primary"))
    }
    if let since = state.withLock({ $0.differsSince }) {
      problems.append(
        .init(
          code: "replicas_differ", since: since, runbook: Runbook.page("replicas_differ"),
          detail: "the primary's journal is another one within one generation; nothing is merged"))
    }
    return problems + (configuration.watch?.problems() ?? [])
  }

  public func health() -> HealthReport {
    let isStopping = state.withLock { $0.isStopping }
    return HealthReport(
      role: "follower", id: configuration.replica, version: configuration.version,
      ready: address != nil && !isStopping, problems: problems())
  }

  public func metrics() -> String {
    let primary = state.withLock { $0.primaryEnd?.seq.rawValue ?? 0 }
    let own = engine.journal?.end.seq.rawValue ?? 0
    let applied = engine.applied?.seq.rawValue ?? 0
    return PrometheusText(labels: [
      ("cell", configuration.cell.rawValue), ("replica", configuration.replica),
    ]).render(
      [
        .gauge(
          "aimstors_follower_missing_records", "Records of the primary that are not here yet.",
          Int64(clamping: primary > own ? primary - own : 0)),
        .gauge(
          "aimstors_follower_unapplied_records", "Records here that no file has yet.",
          Int64(clamping: own > applied ? own - applied : 0)),
        .counter(
          "aimstors_replayed_records_total", "Records applied to files.",
          Int64(engine.metrics.replayedRecords)),
      ] + (configuration.watch?.metrics() ?? []))
  }
}
