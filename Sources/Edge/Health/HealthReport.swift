import Wire

/// What a process says about itself: `{ok, role, id, version, ready, problems}`.
public struct HealthReport: Sendable, Encodable {
  /// One thing that an operator should look at.
  public struct Problem: Sendable, Encodable {
    public let code: String
    public let since: Timestamp
    /// The page under `docs/runbooks/` that says what to do.
    public let runbook: String
    public let detail: String
    /// Whose it is, where a process knows of others' too; nil: its own.
    public let cell: String?
    /// Whose work it stops; nil: not one tenant's.
    public let tenant: String?

    public init(
      code: String, since: Timestamp, runbook: String, detail: String, cell: String? = nil,
      tenant: String? = nil
    ) {
      self.code = code
      self.since = since
      self.runbook = runbook
      self.detail = detail
      self.cell = cell
      self.tenant = tenant
    }
  }

  /// No problems.
  public let ok: Bool
  public let role: String
  public let id: String
  public let version: String
  /// Whether it takes requests: the status of `/readyz`.
  public let ready: Bool
  public let problems: [Problem]

  public init(role: String, id: String, version: String, ready: Bool, problems: [Problem]) {
    self.ok = problems.isEmpty
    self.role = role
    self.id = id
    self.version = version
    self.ready = ready
    self.problems = problems
  }
}
