/// Why the control plane did not do what `up` asked of it.
struct BootstrapFailure: Error {
  /// Codes that another operator's token, or a session's, may help against.
  private static let ofTheOperator: Set<String> = [
    "unauthenticated", "second_factor_required", "forbidden", "already_done",
  ]

  let failure: CommandFailure
  /// Whether it is away, and the same question may be answered later.
  let mayPass: Bool

  /// Adds what to do where the operator is refused.
  init(_ failure: CommandFailure, mayPass: Bool) {
    self.mayPass = mayPass
    guard Self.ofTheOperator.contains(failure.code) else {
      self.failure = failure
      return
    }
    self.failure = CommandFailure(
      failure.exitCode, code: failure.code,
      detail: failure.detail + "; start again with AIMSTORS_ADMIN_TOKEN set to an operator's token,"
        + " or to that of a session (`aimstors operator session --code CODE`)",
      document: failure.document)
  }

  /// What an answer says that does not do what was asked.
  init(_ answer: HTTPAnswer, to request: String) {
    self.init(
      CommandFailure(
        .refused, code: answer.json["code"]?.string ?? "http_\(answer.status)",
        detail: "\(request): \(answer.json["detail"]?.string ?? "HTTP \(answer.status)")",
        document: answer.json),
      mayPass: answer.status >= 500)
  }
}
