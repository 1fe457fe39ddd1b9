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
  let grantKey: GrantKey
  let lifetimes: SessionLifetimes
  let random: any RandomSource
}

/// What a cell is told about its people's sign-in.
public struct IdentitySettings: Sendable {
  /// bcrypt's cost of new hashes.
  public var passwordCost: Int
  public var mail: any MailSender

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
