import Alerts
import Cryptography
import Platform
import Synchronization
import Trust
import Wire

/// What people and their sessions need, beside the store.
struct IdentityServices: Sendable {
  let cell: CellID
  let sessions: Sessions
  let limits: SignInLimits
  let passwords: PasswordWork
  let refusals: CredentialRefusals
  let letters: Letters
  let witness: WitnessRounds
  let alerts: AlertDelivery
  /// Whether alerts may be posted inside private networks.
  let alertsMayStayInside: Bool
  let grantKey: GrantKey
  let outage: LastOutage
  let lifetimes: SessionLifetimes
  let random: any RandomSource

  /// Says that a tenant's audit log may have grown: it is signed, and its alerts leave.
  func logMayHaveGrown(_ tenant: TenantID) {
    witness.note(tenant)
    alerts.note(tenant)
  }
}

/// What a cell is told about its people's sign-in.
public struct IdentitySettings: Sendable {
  /// bcrypt's cost of new hashes.
  public var passwordCost: Int
  public var mail: any MailSender
  /// Whether alerts may be posted inside private networks: for a machine to try things on.
  public var alertsMayStayInside = false
  /// A test's; nil: HTTP.
  var alertWebhook: (any AlertWebhookSender)?

  public init(passwordCost: Int = 12, mail: any MailSender = NoMail()) {
    self.passwordCost = passwordCost
    self.mail = mail
  }
}

/// The key that impersonation grants are signed with, once the control plane has told it.
final class GrantKey: Sendable {
  private let key = Mutex<VerifyingKey?>(nil)

  func set(_ key: VerifyingKey) { self.key.withLock { $0 = key } }
  var value: VerifyingKey? { key.withLock { $0 } }
}

/// When this cell did not answer, last: from the last record before its start until it answered.
final class LastOutage: Sendable {
  private let outage = Mutex<RefreshRule.Outage?>(nil)

  func set(_ outage: RefreshRule.Outage) { self.outage.withLock { $0 = outage } }
  var value: RefreshRule.Outage? { outage.withLock { $0 } }
}
