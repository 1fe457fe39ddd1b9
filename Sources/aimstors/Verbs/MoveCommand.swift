import ArgumentParser
import GraphSimulator

extension TenantCommand {
  struct Move: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Move a tenant to another cell while it is served.",
      discussion: """
        With --dry-run nothing moves: the result says how much would be copied and how long the \
        tenant would be unavailable. `aimstors operation cancel` gives a move up, until its fence.
        """)

    @Argument(help: "The tenant's id.") var id: String
    @Option(name: .long, help: "The cell that it moves to.") var to: String
    @Flag(name: .long, help: "Say what it would cost.") var dryRun = false
    @Option(name: .long, help: "Give up rather than be unavailable for longer, in milliseconds.")
    var capMs: Int64?
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let body: JSON = ["to_cell": JSON(to), "dry_run": .bool(dryRun)]
      let operation = try await api.send(
        .admin, "POST", "/v1/tenants/\(id)/moves",
        body.with("cap_ms", capMs.map { .integer($0) }))
      try await waiting.show(operation, api)
    }
  }

  struct MoveBack: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "move-back",
      abstract: "Move a tenant back to the cell that it came from, within a day.")

    @Argument(help: "The tenant's id, or the operation that moved it.") var id: String
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let move = id.hasPrefix("op_") ? id : try await Self.lastMove(of: id, api)
      let operation = try await api.send(.admin, "POST", "/v1/operations/\(move)/reverse", [:])
      try await waiting.show(operation, api)
    }

    private static func lastMove(of tenant: String, _ api: APIConnection) async throws -> String {
      let operations = try await api.list(.admin, "/v1/operations", limit: 1_000)
      let move = operations.first {
        $0["kind"]?.string == "tenant.move" && $0["subject"]?.string == tenant
          && $0["state"]?.string == "succeeded" && $0["result"]?["to_epoch"] != nil
      }
      guard let move else {
        throw CommandFailure(
          .refused, code: "not_found",
          detail: "no move of \(tenant) is among the last operations")
      }
      return move.cell("id")
    }
  }
}
