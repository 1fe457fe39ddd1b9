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

/// Proof that the caller holds the deployment's key, for the one act that no operator can do yet.
///
/// `t=<unix seconds>;n=<nonce>;m=<hex HMAC-SHA256(key,
/// "aimstors-first-operator/1\n<t>\n<nonce>")>`. The act works once, so a replay inside the
/// accepted skew gains nothing.
public enum DeploymentProof {
  /// Not `x-aimstors-…`: the router takes those off what comes from outside.
  public static let header = "deployment-proof"

  public static func make(key: [UInt8], seconds: Int64, nonce: String) -> String {
    "t=\(seconds);n=\(nonce);m=\(mac(key, seconds, nonce))"
  }

  static func isValid(_ text: String, key: [UInt8], now: Timestamp) -> Bool {
    let parts = text.split(separator: ";", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].hasPrefix("t="), parts[1].hasPrefix("n="),
      parts[2].hasPrefix("m="), let seconds = Int64(parts[0].dropFirst(2)),
      abs(now.milliseconds / 1000 - seconds) <= ControlPlaneLimits.proofSkewSeconds
    else { return false }
    let nonce = String(parts[1].dropFirst(2))
    guard nonce.utf8.count >= 8, nonce.utf8.count <= 64 else { return false }
    return Digests.constantTimeEqual(
      Array(mac(key, seconds, nonce).utf8), Array(parts[2].dropFirst(2).utf8))
  }

  private static func mac(_ key: [UInt8], _ seconds: Int64, _ nonce: String) -> String {
    Digests.hmac(key: key, "aimstors-first-operator/1\n\(seconds)\n\(nonce)").hex
  }
}
