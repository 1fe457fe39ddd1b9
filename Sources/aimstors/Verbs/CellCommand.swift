import ArgumentParser
import GraphSimulator

struct CellCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cell", abstract: "The cells; `cell run` is one cell's process.",
    subcommands: [CellRunCommand.self, List.self, JoinToken.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the cells.")

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let cells = try await api.list(.admin, "/v1/cells", limit: 1000)
      api.show(["data": .array(cells), "next_cursor": .null], CellCommand.table(cells))
    }
  }

  struct JoinToken: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "join-token", abstract: "Make a token with which one cell joins, once.")

    @Argument(help: "The cell's id.") var cell: String
    @Option(name: .long) var region = "local"
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let answer = try await api.send(
        .admin, "POST", "/v1/cells/join-tokens", ["cell": JSON(cell), "region": JSON(region)])
      api.show(answer, "\(answer.cell("token"))  (until \(answer.cell("expires_at")))")
    }
  }

  static func table(_ cells: [JSON]) -> String {
    var table = Table(
      "id", "region", "state", "alive", "generation", "tenants", "work due since", "version")
    for cell in cells {
      table.add(
        cell.cell("id"), cell.cell("region"), cell.cell("state"), cell.cell("alive"),
        cell.cell("generation"), cell.cell("tenants"), cell.cell("oldest_due_at"),
        cell.cell("version"))
    }
    return table.text
  }
}
