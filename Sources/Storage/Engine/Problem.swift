import Synchronization
import Wire

/// Something that an operator must look at, and since when.
public struct Problem: Hashable, Sendable {
  public let code: String
  public let since: Timestamp
  /// The page in `docs/runbooks` that says what to do.
  public let runbook: String
  public let tenant: TenantID?
  /// For people; may name files, never a tenant's data.
  public let detail: String

  public init(code: String, since: Timestamp, runbook: String, tenant: TenantID?, detail: String) {
    self.code = code
    self.since = since
    self.runbook = runbook
    self.tenant = tenant
    self.detail = detail
  }

  static func tenantStopped(_ tenant: TenantID, detail: String, since: Timestamp) -> Problem {
    Problem(
      code: "tenant_stopped", since: since, runbook: "docs/runbooks/tenant-stopped.md",
      tenant: tenant,
      detail: detail)
  }

  /// A tenant was released, and its new cell does not take it.
  public static func moveStuck(
    _ tenant: TenantID, detail: String, since: Timestamp
  ) -> Problem {
    Problem(
      code: "move_stuck", since: since, runbook: "docs/runbooks/move-stuck.md", tenant: tenant,
      detail: detail)
  }

  static func tenantStalled(_ tenant: TenantID, detail: String, since: Timestamp) -> Problem {
    Problem(
      code: "tenant_stalled", since: since, runbook: "docs/runbooks/tenant-stalled.md",
      tenant: tenant, detail: detail)
  }

  static func tenantUnacknowledged(_ tenant: TenantID, since: Timestamp) -> Problem {
    Problem(
      code: "tenant_unacknowledged", since: since,
      runbook: "docs/runbooks/follower-missing.md", tenant: tenant,
      detail: "its last record is not at the followers; it is read, and not written")
  }

  static let quarantineCode = "tenant_quarantined"
  static let quarantineRunbook = "docs/runbooks/tenant-quarantined.md"

  static func tenantQuarantined(_ tenant: TenantID, since: Timestamp) -> Problem {
    Problem(
      code: quarantineCode, since: since, runbook: quarantineRunbook, tenant: tenant,
      detail: "the cell crashed \(CrashCounter.limit) times within an hour while it worked for this"
        + " tenant")
  }

  static func journalDamaged(_ detail: String, since: Timestamp) -> Problem {
    Problem(
      code: "journal_damaged", since: since, runbook: "docs/runbooks/journal-damaged.md",
      tenant: nil,
      detail: detail)
  }

  static func journalPinned(_ detail: String, since: Timestamp) -> Problem {
    Problem(
      code: "journal_pinned", since: since, runbook: "docs/runbooks/journal-pinned.md",
      tenant: nil, detail: detail)
  }

  static func dueIndexDiffers(
    _ tenant: TenantID, detail: String, since: Timestamp
  ) -> Problem {
    Problem(
      code: "due_index_differs", since: since, runbook: "docs/runbooks/due-index-differs.md",
      tenant: tenant, detail: detail)
  }

  static func flushFailed(_ tenant: TenantID?, detail: String, since: Timestamp) -> Problem {
    Problem(
      code: "flush_failed", since: since, runbook: "docs/runbooks/flush-failed.md", tenant: tenant,
      detail: detail)
  }
}

/// The engine's open problems, one per code and tenant, with the time of the first.
final class ProblemList: Sendable {
  private struct Key: Hashable {
    let code: String
    let tenant: TenantID?
  }
  private let problems = Mutex<[Key: Problem]>([:])

  func add(_ problem: Problem) {
    problems.withLock { problems in
      let key = Key(code: problem.code, tenant: problem.tenant)
      if problems[key] == nil { problems[key] = problem }
    }
  }

  func resolve(_ code: String, _ tenant: TenantID?) {
    problems.withLock { _ = $0.removeValue(forKey: Key(code: code, tenant: tenant)) }
  }

  func find(_ code: String, _ tenant: TenantID?) -> Problem? {
    problems.withLock { $0[Key(code: code, tenant: tenant)] }
  }

  var all: [Problem] { problems.withLock { $0.values.sorted { $0.since < $1.since } } }
}
