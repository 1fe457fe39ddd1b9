import ArgumentParser
import Glibc
import GraphSimulator

/// Waiting for an operation that a verb began.
struct WaitOptions: ParsableArguments {
  @Flag(name: .long, help: "Wait until it has ended.") var wait = false
  @Option(name: .long, help: "Give up after this many seconds (exit code 4).") var timeout = 600

  static let pollMilliseconds = 250

  /// The operation as it has ended, where that was asked for; a bar shows how far it has come.
  func ended(_ begun: JSON, _ api: APIConnection) async throws -> JSON {
    var operation = begun
    let id = begun.cell("id")
    let deadline = ContinuousClock.now + .seconds(timeout)
    var bar = ProgressBar(isShown: !api.isJSON && isatty(STDERR_FILENO) == 1)
    defer { bar.clear() }
    // A dry run's may not be recorded: it is all there is.
    while wait, id != "dry_run", ["planned", "running"].contains(operation["state"]?.string) {
      bar.draw(operation)
      guard ContinuousClock.now < deadline else {
        throw CommandFailure(
          .timedOut, code: "timed_out", detail: "\(id) is still \(operation.cell("state"))",
          document: operation)
      }
      try await Task.sleep(for: .milliseconds(Self.pollMilliseconds))
      operation = try await api.send(.admin, "GET", "/v1/operations/\(id)")
    }
    return operation
  }

  /// Shows the operation, when it has ended where that was asked for.
  func show(_ begun: JSON, _ api: APIConnection) async throws {
    let operation = try await ended(begun, api)
    if let failure = Self.failure(of: operation) {
      if let result = operation["result"] { Console.error(result.serialized()) }
      throw failure
    }
    api.show(operation, Self.text(operation))
  }

  /// How a verb ends whose operation did not do what it is for; nil where it did, or goes on.
  ///
  /// Exit code 3 where something is not what it should be, 1 where it failed or was given up.
  static func failure(of operation: JSON) -> CommandFailure? {
    switch operation["state"]?.string {
    case "failed":
      let code = operation["error"]?["code"]?.string ?? "operation_failed"
      return CommandFailure(
        code == "verification_failed" ? .verificationFailed : .refused, code: code,
        detail: operation["error"]?["detail"]?.string ?? "the operation failed",
        document: operation)
    case "cancelled":
      return CommandFailure(
        .refused, code: "operation_cancelled",
        detail: "\(operation.cell("id")) was cancelled at step \(operation.cell("step"))",
        document: operation)
    default: return nil
    }
  }

  /// The operation for people, with each member of its result.
  static func text(_ operation: JSON) -> String {
    var text = OperationCommand.table([operation])
    for member in operation["result"]?.members ?? [] {
      text += "\n\(member.name) \(member.value.serialized())"
    }
    return text
  }
}
