import Wire

/// Something wrong, since when, and the page that says what to do.
struct ReportedProblem: Hashable, Sendable {
  let code: String
  let detail: String
  let since: Timestamp
  let runbook: String
  let cell: String?
  let tenant: String?

  /// The same, known for longer.
  func began(_ since: Timestamp) -> ReportedProblem {
    ReportedProblem(
      code: code, detail: detail, since: since, runbook: runbook, cell: cell, tenant: tenant)
  }

  /// The same as the trouble of a follower of the cell: the cell itself serves.
  func ofFollower(_ replica: String) -> ReportedProblem {
    ReportedProblem(
      code: "follower_unwell", detail: "\(replica): \(code): \(detail)", since: since,
      runbook: runbook, cell: cell, tenant: nil)
  }
}

extension ReportedProblem {
  init(_ proto: Aimstors_ProtoProblem, cell: String) {
    self.init(
      code: proto.code, detail: proto.detail, since: Timestamp(milliseconds: proto.sinceMs),
      runbook: proto.runbook, cell: cell, tenant: proto.tenant.isEmpty ? nil : proto.tenant)
  }
}
