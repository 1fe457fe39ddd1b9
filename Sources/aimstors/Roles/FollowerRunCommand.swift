import ArgumentParser

/// Runs one follower of a cell as one process; it runs the cell once it has been promoted.
struct FollowerRunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "follower", abstract: "Run one follower of a cell.")

  @OptionGroup var options: RoleOptions

  func run() async throws { try await ReplicaProcess(options, startsAs: .follower).run() }
}
