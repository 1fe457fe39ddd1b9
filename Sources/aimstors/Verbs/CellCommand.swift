import ArgumentParser
import GraphSimulator

struct CellCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cell", abstract: "The cells; `cell run` is one cell's process.",
    subcommands: [
      CellRunCommand.self, List.self, Add.self, JoinToken.self, Promote.self, Drain.self,
      Retire.self, Restore.self, Upgrade.self, Rollback.self, Ceiling.self,
    ])

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

  struct Promote: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a follower the cell's primary; waits until it serves.")

    @Argument(help: "The cell's id.") var cell: String
    @Option(name: .long, help: "The follower; the promotable one where none is named.")
    var replica: String?
    @Flag(name: .long, help: "State that the old process is stopped and stays so; audited.")
    var oldIsDead = false
    @Flag(name: .long, help: "Only show what would be done.") var dryRun = false
    @Option(name: .long) var reason = ""
    @Option(name: .long, help: "Seconds to wait for the new primary.") var wait = 60
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      var body: JSON = [
        "old_is_dead": .bool(oldIsDead), "dry_run": .bool(dryRun), "reason": JSON(reason),
      ]
      if let replica { body = body.with("replica", JSON(replica)) }
      var answer = try await api.send(.admin, "POST", "/v1/cells/\(cell)/promote", body)
      guard !dryRun else {
        return api.show(
          answer,
          "\(answer["result"]?.cell("from") ?? "") → \(answer["result"]?.cell("to") ?? ""), "
            + "generation \(answer["result"]?.cell("generation") ?? "")")
      }
      let path = "/v1/operations/\(answer.cell("id"))"
      let deadline = ContinuousClock.now + .seconds(wait)
      while ["planned", "running"].contains(answer["state"]?.string) {
        guard ContinuousClock.now < deadline else {
          throw CommandFailure(
            .timedOut, code: "not_promoted",
            detail: "at step \(answer.cell("step")) after \(wait) s; it goes on", document: answer)
        }
        try? await Task.sleep(for: .milliseconds(100))
        answer = try await api.send(.admin, "GET", path, nil)
      }
      if let failure = WaitOptions.failure(of: answer) { throw failure }
      api.show(
        answer,
        "\(cell): \(answer.cell("state")), primary \(answer["result"]?.cell("primary") ?? "")"
          + ", generation \(answer["result"]?.cell("generation") ?? "")")
    }
  }

  struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Bring a cell whose disk was lost back from the archive, onto its empty process.",
      discussion: """
        With --spread its tenants come back on the other cells of its region instead, and the cell \
        is no more: no process may serve under its name again.
        """)

    @Argument(help: "The cell's id.") var cell: String
    @Flag(name: .long, help: "Over the other cells, for good.") var spread = false
    @Flag(name: .long, help: "State that the old process is stopped and stays so; audited.")
    var oldIsDead = false
    @Flag(name: .long, help: "Only check it, and show what would be done.") var dryRun = false
    @Option(name: .long) var reason = ""
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let operation = try await api.send(
        .admin, "POST", "/v1/cells/\(cell)/restore",
        [
          "old_is_dead": .bool(oldIsDead), "spread": .bool(spread), "dry_run": .bool(dryRun),
          "reason": JSON(reason),
        ])
      try await waiting.show(operation, api)
    }
  }

  static func table(_ cells: [JSON]) -> String {
    var table = Table(
      "id", "region", "state", "alive", "address", "generation", "tenants", "lag records",
      "work due since", "version")
    for cell in cells {
      table.add(
        cell.cell("id"), cell.cell("region"), cell.cell("state"), cell.cell("alive"),
        cell.cell("address"), cell.cell("generation"), cell.cell("tenants"),
        cell["lag"]?.cell("records") ?? "-", cell.cell("oldest_due_at"), cell.cell("version"))
    }
    return table.text
  }
}
