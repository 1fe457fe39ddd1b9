import GraphSimulator
import Wire

/// How a verb ends when it is not done: for people on standard error, as the API's problem document
/// on standard output where `--json` asked for it.
struct CommandFailure: Error {
  let exitCode: ExitStatus
  let code: String
  let detail: String
  /// The problem document as the API sent it; made here where it did not.
  let document: JSON
  /// Whether it is what somebody answered to a request: a refusal, not a silence.
  let isAnswer: Bool

  init(
    _ exitCode: ExitStatus, code: String, detail: String, document: JSON? = nil,
    isAnswer: Bool = false
  ) {
    self.exitCode = exitCode
    self.code = code
    self.detail = detail
    self.isAnswer = isAnswer
    self.document =
      document
      ?? ["type": "about:blank", "title": JSON(code), "code": JSON(code), "detail": JSON(detail)]
  }

  init(_ failure: Failure) {
    self.init(.refused, code: failure.code.rawValue, detail: failure.detail)
  }

  /// The same of a request under a key; where it may have been done, it says how to repeat it.
  func repeatable(under key: String?) -> CommandFailure {
    guard let key, !isAnswer || code == FailureCode.outcomeUnknown.rawValue else { return self }
    return CommandFailure(
      exitCode, code: code, detail: "\(detail); repeat it with --idempotency-key \(key)",
      document: isAnswer ? document : nil, isAnswer: isAnswer)
  }

  func show() {
    Console.error("aimstors: \(code): \(detail)")
    if let trace = document["trace_id"]?.string, !trace.isEmpty { Console.error("trace \(trace)") }
    if CommandLine.arguments.contains("--json") { Console.out(document.serialized()) }
  }
}
