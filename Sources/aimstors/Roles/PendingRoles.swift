import ArgumentParser

/// Runs one cell as one process.
struct CellRunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "run", abstract: "Run one cell.")

  @OptionGroup var options: RoleOptions

  func run() async throws {
    throw CommandFailure(.refused, code: "not_built", detail: "this build has no cell")
  }
}
