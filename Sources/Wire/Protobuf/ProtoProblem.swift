extension Aimstors_ProtoProblem {
  /// What an operator must look at, as a process reports it; without a tenant: the process's own.
  public init(
    code: String, detail: String, since: Timestamp, runbook: String, tenant: TenantID? = nil
  ) {
    self.init()
    self.code = code
    self.detail = detail
    sinceMs = since.milliseconds
    self.runbook = runbook
    self.tenant = tenant?.rawValue ?? ""
  }
}
