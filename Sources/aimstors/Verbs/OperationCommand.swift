import ArgumentParser
import GraphSimulator

struct OperationCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "operation", abstract: "Long work of the platform.",
    subcommands: [Show.self, List.self, Cancel.self])

  struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Give an operation up, where it is not past the point of no return.")

    @Argument var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let operation = try await api.send(.admin, "POST", "/v1/operations/\(id)/cancel", [:])
      api.show(operation, OperationCommand.table([operation]))
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show an operation; with --wait until it has ended.")

    static let pollMilliseconds = 250

    @Argument var id: String
    @Flag(name: .long) var wait = false
    @Option(name: .long, help: "Give up after this many seconds (exit code 4).") var timeout = 600
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let deadline = ContinuousClock.now + .seconds(timeout)
      var operation = try await api.send(.admin, "GET", "/v1/operations/\(id)")
      while wait, Self.isGoing(operation) {
        guard ContinuousClock.now < deadline else {
          throw CommandFailure(
            .timedOut, code: "timed_out", detail: "\(id) is still \(operation.cell("state"))",
            document: operation)
        }
        try await Task.sleep(for: .milliseconds(Self.pollMilliseconds))
        operation = try await api.send(.admin, "GET", "/v1/operations/\(id)")
      }
      api.show(operation, OperationCommand.table([operation]))
      if operation["state"]?.string == "failed" {
        throw CommandFailure(
          .refused, code: operation["error"]?["code"]?.string ?? "operation_failed",
          detail: operation["error"]?["detail"]?.string ?? "the operation failed",
          document: operation)
      }
    }

    private static func isGoing(_ operation: JSON) -> Bool {
      ["planned", "running"].contains(operation["state"]?.string)
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List operations, newest first.")

    @Option(name: .long) var limit = 50
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let operations = try await api.list(.admin, "/v1/operations", limit: limit)
      api.show(
        ["data": .array(operations), "next_cursor": .null], OperationCommand.table(operations))
    }
  }

  static func table(_ operations: [JSON]) -> String {
    var table = Table("id", "kind", "subject", "state", "step", "done", "total", "unit")
    for operation in operations {
      let progress = operation["progress"] ?? .null
      table.add(
        operation.cell("id"), operation.cell("kind"), operation.cell("subject"),
        operation.cell("state"), operation.cell("step"), progress.cell("done"),
        progress.cell("total"), progress.cell("unit"))
    }
    return table.text
  }
}
