import ArgumentParser
import GraphSimulator

extension CellCommand {
  struct Upgrade: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Have cells and their followers run another version, a canary first.",
      discussion: """
        The version must lie on every machine as RELEASES/VERSION/aimstors. Each wave is watched; \
        the upgrade halts where requests fail more than before, where a process does not come up, \
        ends again, or reports problems that were not there.
        """)

    @Option(name: .long, help: "The version.") var to: String
    @Argument(help: "The cells; all where none is named.") var cells: [String] = []
    @Option(name: .long, help: "The first cell; the one with the fewest tenants otherwise.")
    var canary: String?
    @Option(name: .long, help: "Cells in each later wave; a quarter of them otherwise.")
    var wave: Int?
    @Option(name: .long, help: "How long a wave is watched, in seconds.") var soak: Int64 = 60
    @Option(name: .long) var reason = ""
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let body: JSON = [
        "version": JSON(to), "soak_seconds": .integer(soak), "reason": JSON(reason),
      ]
      let operation = try await api.send(
        .admin, "POST", "/v1/upgrades",
        body.with("cells", cells.isEmpty ? nil : .array(cells.map { JSON($0) }))
          .with("canary", canary.map { JSON($0) }).with("wave_size", wave.map { JSON($0) }))
      try await waiting.show(operation, api)
    }
  }

  struct Rollback: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Have cells run again what they ran before an upgrade.")

    @Argument(help: "The upgrade's operation; the last one where none is named.")
    var operation: String?
    @Option(name: .long) var reason = ""
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let body: JSON = ["reason": JSON(reason)]
      let begun = try await api.send(
        .admin, "POST", "/v1/rollbacks",
        body.with("operation_id", operation.map { JSON($0) }))
      try await waiting.show(begun, api)
    }
  }

  struct Ceiling: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show up to which format level may be written; with --raise, let it rise.",
      discussion: """
        A version that does not read the ceiling may run no more: raise it when nobody will go \
        back.
        """)

    @Flag(name: .customLong("raise"), help: "To what every cell and follower reads.")
    var raises = false
    @Option(name: .long, help: "With --raise: not further than this.") var level: Int?
    @Option(name: .long) var reason = ""
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let path = "/v1/format-ceiling"
      let body: JSON = ["reason": JSON(reason)]
      let answer =
        raises
        ? try await api.send(.admin, "POST", path, body.with("level", level.map { JSON($0) }))
        : try await api.send(.admin, "GET", path)
      var table = Table("id", "cell", "version", "reads", "state")
      for reader in answer["readers"]?.array ?? [] {
        table.add(
          reader.cell("id"), reader.cell("cell"), reader.cell("version"),
          reader.cell("reads_level"), reader["on_trial"]?.bool == true ? "on trial" : "")
      }
      api.show(
        answer,
        "may be written: \(answer.cell("level")); read by all: \(answer.cell("readable"))\n"
          + table.text)
    }
  }
}
