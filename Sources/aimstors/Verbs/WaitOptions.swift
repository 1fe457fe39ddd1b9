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
    while wait, ["planned", "running"].contains(operation["state"]?.string) {
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

  /// Shows the operation, when it has ended where that was asked for; exit code 3 where what was
  /// restored is not what it should be.
  func show(_ begun: JSON, _ api: APIConnection) async throws {
    let operation = try await ended(begun, api)
    if operation["state"]?.string == "failed" {
      let code = operation["error"]?["code"]?.string ?? "operation_failed"
      if let result = operation["result"] { Console.error(result.serialized()) }
      throw CommandFailure(
        code == "verification_failed" ? .verificationFailed : .refused, code: code,
        detail: operation["error"]?["detail"]?.string ?? "the operation failed",
        document: operation)
    }
    var text = OperationCommand.table([operation])
    for member in operation["result"]?.members ?? [] {
      text += "\n\(member.name) \(member.value.serialized())"
    }
    api.show(operation, text)
  }
}
