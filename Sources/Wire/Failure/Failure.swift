/// A refusal: an expected answer that crosses the wire and ends as problem+json.
///
/// Faults (disk, socket) are errors of their module, defects are preconditions; neither is a
/// `Failure`.
public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
  public let code: FailureCode
  /// For people; says what was wrong and what to do.
  ///
  /// Never a secret, never another tenant's data.
  public let detail: String
  /// How long a caller should wait before it tries again.
  public let retryAfterMilliseconds: Int64?

  public init(_ code: FailureCode, _ detail: String, retryAfterMilliseconds: Int64? = nil) {
    self.code = code
    self.detail = detail
    self.retryAfterMilliseconds = retryAfterMilliseconds
  }

  public var description: String { "\(code.rawValue): \(detail)" }
}
