import Trust
import Wire

/// A person of the platform, known by a token of which only the SHA-256 is kept.
struct Operator: Hashable, Sendable {
  let id: String
  let tokenHash: [UInt8]
  let createdAt: Timestamp
  let isRevoked: Bool
  let role: PlatformRole
  let name: String
}

/// The forms of operators' credentials: a prefix and 52 digits of base 32 (32 random bytes).
enum OperatorToken: String, CaseIterable {
  /// What a person keeps.
  case token = "aop_"
  /// What a person with a second factor gets for it and a code.
  case session = "aos_"

  static let secretBytes = 32
  static let digits = 52

  func make(random: [UInt8]) -> String {
    precondition(random.count == Self.secretBytes, "an operator's credential has 32 random bytes")
    return rawValue + random.base32(characters: Self.digits)
  }

  /// Nil for what has neither form.
  init?(formOf text: String) {
    let form = Self.allCases.first { text.hasPrefix($0.rawValue) }
    guard let form, text.utf8.count == form.rawValue.utf8.count + Self.digits else { return nil }
    self = form
  }
}

/// Proof that the caller holds the deployment's key, for the acts that no operator can do.
///
/// `t=<unix seconds>;n=<nonce>;m=<hex HMAC-SHA256(key, "<purpose>\n<t>\n<nonce>")>`. Each act does
/// nothing a second time, so a replay inside the accepted skew gains nothing.
public enum DeploymentProof {
  /// What a proof is good for, and nothing else.
  public enum Purpose: Hashable, Sendable {
    case firstOperator
    /// For the only super admin who has lost authenticator and codes.
    case removeFactor(of: String)

    var text: String {
      switch self {
      case .firstOperator: "aimstors-first-operator/1"
      case .removeFactor(let id): "aimstors-remove-factor/1/\(id)"
      }
    }
  }

  /// Not `x-aimstors-…`: the router takes those off what comes from outside.
  public static let header = "deployment-proof"

  public static func make(
    _ purpose: Purpose = .firstOperator, key: [UInt8], seconds: Int64, nonce: String
  ) -> String {
    "t=\(seconds);n=\(nonce);m=\(mac(purpose, key, seconds, nonce))"
  }

  static func isValid(
    _ text: String, for purpose: Purpose = .firstOperator, key: [UInt8], now: Timestamp
  ) -> Bool {
    let parts = text.split(separator: ";", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].hasPrefix("t="), parts[1].hasPrefix("n="),
      parts[2].hasPrefix("m="), let seconds = Int64(parts[0].dropFirst(2)),
      isNear(seconds, now)
    else { return false }
    let nonce = String(parts[1].dropFirst(2))
    guard nonce.utf8.count >= 8, nonce.utf8.count <= 64 else { return false }
    return Digests.constantTimeEqual(
      Array(mac(purpose, key, seconds, nonce).utf8), Array(parts[2].dropFirst(2).utf8))
  }

  /// Any number may come from outside: nothing is computed with it.
  private static func isNear(_ seconds: Int64, _ now: Timestamp) -> Bool {
    let (present, skew) = (now.milliseconds / 1000, ControlPlaneLimits.proofSkewSeconds)
    return (present - skew...present + skew).contains(seconds)
  }

  private static func mac(
    _ purpose: Purpose, _ key: [UInt8], _ seconds: Int64, _ nonce: String
  ) -> String {
    Digests.hmac(key: key, "\(purpose.text)\n\(seconds)\n\(nonce)").hex
  }
}
