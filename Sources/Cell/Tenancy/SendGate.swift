import Wire

/// Why nothing may be sent now, by whom it was stopped, and since when.
public struct StopReason: Hashable, Sendable {
  /// What is stopped: one number, a tenant, this cell, its region, or the whole platform.
  public enum Scope: String, Sendable, CaseIterable {
    case number, tenant, cell, region, platform
    /// The tenant itself is suspended or read-only.
    case tenantState
    /// The tenant's files come from a restore.
    case restored
    /// The tenant is about to be another cell's: nothing new leaves here.
    case moving
  }
  public let scope: Scope
  public let reason: String
  public let since: Timestamp

  public init(scope: Scope, reason: String, since: Timestamp) {
    self.scope = scope
    self.reason = reason
    self.since = since
  }
}

/// Which letters and alerts of a tenant may leave now.
public enum NoticeRule: Hashable, Sendable {
  case all
  /// Those that were due later: what was due by then, an owner before this one may have sent.
  case after(Timestamp)
  /// The tenant is about to move, or a fork.
  case nothing

  /// What is due so soon after an owner's end counts as that owner's.
  static let settleSeconds: Int64 = 5
}

/// Asked before each send intent becomes durable.
///
/// Answers from memory.
public protocol SendGate: Sendable {
  /// Nil where `tenant` may start sends from the number with this phone_number_id.
  func stopReason(tenant: TenantID, phoneNumberID: String) -> StopReason?

  /// Says which number a `num_…` identifier names, so that a stop under either name holds. Called
  /// by the outbox before it asks about a number that it has not seen since the start.
  func note(numberID: String, phoneNumberID: String)

  /// The tenant's state: a suspended or read-only tenant refuses its clients' writes, while
  /// receipts and refunds continue.
  func state(of tenant: TenantID) -> TenantState

  /// Which letters and alerts of `tenant` may leave now; asked before each.
  func notices(of tenant: TenantID) -> NoticeRule
}

extension SendGate {
  public func notices(of tenant: TenantID) -> NoticeRule { .all }
}

/// A gate that stops nothing, for tests of other parts.
public struct OpenSendGate: SendGate {
  public init() {}
  public func stopReason(tenant: TenantID, phoneNumberID: String) -> StopReason? { nil }
  public func note(numberID: String, phoneNumberID: String) {}
  public func state(of tenant: TenantID) -> TenantState { .active }
}
