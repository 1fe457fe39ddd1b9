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

    @Argument var id: String
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let operation = try await waiting.ended(
        try await api.send(.admin, "GET", "/v1/operations/\(id)"), api)
      api.show(operation, OperationCommand.table([operation]))
      if let failure = WaitOptions.failure(of: operation) { throw failure }
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
