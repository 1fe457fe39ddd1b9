import Storage
import Wire

/// What one tenant keeps back until an operator lets it send.
struct SuspendedTenant: Codable, Hashable, Sendable {
  let tenantID: String
  var messages = 0
  /// Of running campaigns, of whom no message was made yet.
  var recipients = 0
  /// Campaigns whose time has come.
  var timers = 0
  /// Why it could not be counted; nil: it was.
  var code: String?

  enum CodingKeys: String, CodingKey {
    case messages, recipients, timers, code
    case tenantID = "tenant_id"
  }

  init(_ tenant: TenantID, code: FailureCode) {
    tenantID = tenant.rawValue
    self.code = code.rawValue
  }

  init(_ snapshot: Snapshot) throws {
    let rows = SuspendedStore(snapshot)
    tenantID = snapshot.tenant.rawValue
    messages = try rows.messages()
    recipients = try rows.recipients()
    timers = try rows.timers(by: snapshot.now.adding(seconds: NoticeRule.settleSeconds))
  }

  /// What goes out as messages with the release.
  var sends: Int { messages + recipients }
}

/// What there is to see before sends are released.
struct SuspendedReport: Codable, Hashable, Sendable {
  /// Who keeps something back, whoever keeps most first; at most a thousand.
  var suspended: [SuspendedTenant] = []
  /// Messages and recipients of all of them.
  var suspendedCount = 0

  enum CodingKeys: String, CodingKey {
    case suspended
    case suspendedCount = "suspended_count"
  }

  init(_ found: [SuspendedTenant]) {
    suspendedCount = found.reduce(0) { $0 + $1.sends }
    let some = found.filter { $0.sends + $0.timers > 0 || $0.code != nil }
    suspended = Array(
      some.sorted { ($1.sends, $0.tenantID) < ($0.sends, $1.tenantID) }
        .prefix(CellLimits.suspendedShown))
  }
}
