import Logging
import Platform
import Wire

/// One line per request that a process has answered: what changes something or was refused at the
/// usual level, reads below it.
///
/// Refusals, which anybody can cause without a credential, are bounded: ``LogBudget``.
public struct RequestLog: Sendable {
  private let message: String
  private let logger: Logger
  private let refusals = LogBudget()

  /// `message` is what its lines say.
  public init(_ message: String, logger: Logger) {
    self.message = message
    self.logger = logger
  }

  /// `path` and what a process adds are asked for only where there is a line.
  public func note(
    _ method: String, _ path: @autoclosure () -> String, status: Int, refusal: FailureCode?,
    traceID: String, _ more: () -> Logger.Metadata
  ) {
    let isRead = method == "GET" || method == "HEAD"
    let level: Logger.Level =
      status >= 500 ? .warning : status >= 400 || !isRead ? .info : .debug
    guard logger.logLevel <= level else { return }
    var leftOut = 0
    if status >= 400 {
      guard let count = refusals.take() else { return }
      leftOut = count
    }
    var metadata = more()
    metadata["trace_id"] = .string(traceID)
    metadata["method"] = .string(method)
    metadata["path"] = .string(path())
    metadata["status"] = .stringConvertible(status)
    if let refusal { metadata["code"] = .string(refusal.rawValue) }
    if leftOut > 0 { metadata["left_out"] = .stringConvertible(leftOut) }
    logger.log(level: level, "\(message)", metadata: metadata)
  }
}
