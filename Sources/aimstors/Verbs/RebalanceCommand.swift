import ArgumentParser
import GraphSimulator

struct RebalanceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rebalance",
    abstract: "Balance the cells by what their tenants were measured to ask.",
    discussion: """
      With --dry-run nothing moves: the result lists what would, the part of each cell before and \
      after, and the cells whose loss the others could not take.
      """)

  @Flag(name: .long, help: "Show the plan.") var dryRun = false
  @Flag(name: .long, help: "Carry the plan out.") var apply = false
  @Option(name: .long, help: "Only this region.") var region: String?
  @Option(name: .long, help: "Moves for balance at most.") var maxMoves: Int64?
  @Option(name: .long) var reason = ""
  @OptionGroup var waiting: WaitOptions
  @OptionGroup var connection: ConnectionOptions

  func validate() throws {
    guard dryRun != apply else { throw ValidationError("say --dry-run or --apply") }
  }

  func run() async throws {
    let api = try connection.connection()
    let body: JSON = ["dry_run": .bool(dryRun), "reason": JSON(reason)]
    let operation = try await api.send(
      .admin, "POST", "/v1/rebalances",
      body.with("region", region.map { JSON($0) }).with("max_moves", maxMoves.map { .integer($0) }))
    try await waiting.show(operation, api)
  }
}

extension CellCommand {
  static let acceptGapHelp: ArgumentHelp =
    "Accept that without this cell the loss of another one would not fit."

  struct Drain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Move all tenants of a cell to others, while they are served.",
      discussion:
        "From here on the cell takes no new tenants; `aimstors operation cancel` ends that.")

    @Argument(help: "The cell's id.") var cell: String
    @Flag(name: .long, help: "Only show what would go where.") var dryRun = false
    @Flag(
      name: .customLong("dead"),
      help: """
        State that the cell's process is stopped and stays so: its follower takes over first, and \
        without one its tenants come from the archive.
        """)
    var isDead = false
    @Flag(name: .long, help: CellCommand.acceptGapHelp) var acceptGap = false
    @Option(name: .long) var reason = ""
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let operation = try await api.send(
        .admin, "POST", "/v1/cells/\(cell)/drain",
        [
          "dry_run": .bool(dryRun), "old_is_dead": .bool(isDead), "accept_gap": .bool(acceptGap),
          "reason": JSON(reason),
        ])
      try await waiting.show(operation, api)
    }
  }

  struct Retire: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "End a cell that has no tenants; it may never join again.")

    @Argument(help: "The cell's id.") var cell: String
    @Flag(name: .long, help: "State that the cell is gone for good; audited.")
    var oldIsDead = false
    @Flag(name: .long, help: CellCommand.acceptGapHelp) var acceptGap = false
    @Flag(name: .long, help: "Only check it, and show what would be done.") var dryRun = false
    @Option(name: .long) var reason = ""
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let operation = try await api.send(
        .admin, "POST", "/v1/cells/\(cell)/retire",
        [
          "old_is_dead": .bool(oldIsDead), "accept_gap": .bool(acceptGap),
          "dry_run": .bool(dryRun), "reason": JSON(reason),
        ])
      api.show(operation, WaitOptions.text(operation))
    }
  }
}
