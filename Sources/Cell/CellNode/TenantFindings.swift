import Edge
import Storage
import Wire

/// What is wrong in tenants' files as the sweep read them last; holds no lock, does no I/O.
struct TenantFindings: Sendable {
  /// What one tenant's files say.
  struct Reading: Hashable, Sendable {
    /// Numbers whose sends Graph refuses: phone_number_id and the reason.
    var blocked: [String] = []
    /// Messages of the last day that cost more than was held for them.
    var undercharged = 0
    var firstUndercharge: Timestamp?

    var isEmpty: Bool { blocked.isEmpty && undercharged == 0 }
  }

  /// Problems shown; who looks further finds the rest in the tenants.
  static let shown = 32
  /// How long an undercharged message is a problem: it cannot be undone, only looked at.
  static let underchargeSeconds: Int64 = 86_400

  private struct Entry: Sendable {
    var reading: Reading
    var blockedSince: Timestamp?
  }

  private var tenants: [TenantID: Entry] = [:]

  mutating func set(_ tenant: TenantID, _ reading: Reading, now: Timestamp) {
    guard !reading.isEmpty else {
      tenants[tenant] = nil
      return
    }
    let known = tenants[tenant]?.blockedSince
    tenants[tenant] = Entry(
      reading: reading, blockedSince: reading.blocked.isEmpty ? nil : known ?? now)
  }

  /// The oldest first.
  func problems(now: Timestamp) -> [Storage.Problem] {
    var problems: [Storage.Problem] = []
    for (tenant, entry) in tenants {
      if let since = entry.blockedSince {
        problems.append(
          problem(
            "number_blocked", tenant, since,
            "its sends wait: \(entry.reading.blocked.joined(separator: "; "))"))
      }
      if let since = entry.reading.firstUndercharge,
        now < since.adding(seconds: Self.underchargeSeconds)
      {
        problems.append(
          problem(
            "messages_undercharged", tenant, since,
            "\(entry.reading.undercharged) messages cost more than was held for them"))
      }
    }
    problems.sort { ($0.since, $0.detail) < ($1.since, $1.detail) }
    return Array(problems.prefix(Self.shown))
  }

  private func problem(
    _ code: String, _ tenant: TenantID, _ since: Timestamp, _ detail: String
  ) -> Storage.Problem {
    Storage.Problem(
      code: code, since: since, runbook: Runbook.page(code), tenant: tenant, detail: detail)
  }
}
