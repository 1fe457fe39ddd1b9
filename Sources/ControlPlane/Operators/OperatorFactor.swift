import Trust
import Wire

/// An operator's authenticator: beside the token, what that person has.
///
/// Once it is confirmed the token alone opens nothing but a session, which takes a code.
struct OperatorFactor: Hashable, Sendable {
  let operatorID: String
  /// Sealed under the deployment's key, for ``context(of:)``.
  var secret: [UInt8]
  var confirmedAt: Timestamp?
  /// The newest step whose code was used: each works once.
  var lastStep: Int64?
  /// Wrong codes since the last right one.
  var failures = 0
  var failedAt = Timestamp.zero

  /// What the sealed secret is bound to.
  static func context(of operatorID: String) -> String { "operator-totp/\(operatorID)" }

  /// The step whose code this is; nil for a wrong one, or one that was used.
  ///
  /// Whoever has been wrong often must be nearly on time: fewer codes are right.
  func match(_ code: String, _ secret: [UInt8]?, at now: Timestamp) -> Int64? {
    secret.flatMap {
      OneTimeCode.match(
        code, secret: $0, at: now, lastStep: lastStep,
        tolerance: failures < WrongCodeRule.free ? OneTimeCode.toleratedSteps : 1)
    }
  }

  /// Milliseconds until a code is looked at again; 0: now.
  func wait(at now: Timestamp) -> Int64 {
    WrongCodeRule.remaining(
      failures: failures, lastFailure: failedAt.milliseconds, now: now.milliseconds)
  }
}

/// What a token and a code are exchanged for: a bearer token of its own, for half a day.
struct OperatorSession: Hashable, Sendable {
  static let lifetimeSeconds: Int64 = 12 * 3_600
  /// Sessions that one operator has at a time; the oldest ends for another.
  static let maximum = 20

  let id: String
  let operatorID: String
  let tokenHash: [UInt8]
  let createdAt: Timestamp
  let expiresAt: Timestamp
}
