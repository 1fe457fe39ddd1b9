import Trust
import Wire

/// A person of a tenant.
struct User: Hashable, Sendable {
  enum State: String, Hashable, Sendable { case invited, active, disabled }

  let id: RowID
  let email: String
  var name: String
  /// A built-in role's name, or a custom one's.
  var role: String
  var state: State
  let createdAt: Timestamp
  let createdBy: String

  /// People of one tenant.
  static let maximumPerTenant = 10_000
  static let maximumNameBytes = 128

  /// Two spellings of an address are one person.
  static func key(of email: String) -> String { email.lowercased() }

  /// Throws `invalid_field` for what cannot be an address to write to.
  static func checked(email: String) throws(Failure) -> String {
    let parts = email.split(separator: "@", omittingEmptySubsequences: false)
    let isPlain = email.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F }
    guard (3...254).contains(email.utf8.count), parts.count == 2, isPlain,
      (1...64).contains(parts[0].utf8.count), parts[1].contains("."),
      !parts[1].hasPrefix("."), !parts[1].hasSuffix("."),
      !email.contains(where: { "<>\"(),;:\\[]".contains($0) })
    else { throw Failure(.invalidField, "email must be an address such as ana@example.com") }
    return email
  }

  static func checked(name: String) throws(Failure) -> String {
    guard (1...maximumNameBytes).contains(name.utf8.count),
      !name.unicodeScalars.contains(where: { $0.value < 0x20 })
    else { throw Failure(.invalidField, "name must be 1 to \(maximumNameBytes) bytes") }
    return name
  }
}

/// What a person proves themselves with.
struct UserCredentials: Hashable, Sendable {
  var passwordHash: String?
  var emailVerifiedAt: Timestamp?
  var totpSecret: [UInt8]?
  var totpConfirmedAt: Timestamp?
  var totpLastStep: Int64?

  var hasSecondFactor: Bool { totpConfirmedAt != nil && totpSecret != nil }
}

/// A secret that is sent to somebody, used once and soon.
struct OneTimeToken: Hashable, Sendable {
  enum Purpose: String, Hashable, Sendable {
    case invitation
    case passwordReset = "password_reset"

    var seconds: Int64 {
      switch self {
      case .invitation: 7 * 86_400
      case .passwordReset: 30 * 60
      }
    }
  }

  static let prefix = "aot_"
  static let secretLength = 40

  let userID: RowID
  let purpose: Purpose
  let expiresAt: Timestamp
  let usedAt: Timestamp?
  /// Whether an operator was shown it: then its use proves no e-mail address.
  var isShown = false
}

/// An address that a person wants to have, until they show that they read letters there.
struct EmailChange: Hashable, Sendable {
  static let seconds: Int64 = 30 * 60

  let userID: RowID
  let email: String
}
