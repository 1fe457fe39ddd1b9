import ArgumentParser

struct CellRunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "run", abstract: "Run one cell.")
  @OptionGroup var options: RoleOptions
  func run() async throws {
    throw CommandFailure(.refused, code: "not_built", detail: "this build has no cell")
  }
}
struct RouterRunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "router", abstract: "Run a router.")
  @OptionGroup var options: RoleOptions
  func run() async throws {
    throw CommandFailure(.refused, code: "not_built", detail: "this build has no router")
  }
}
struct ControlPlaneRunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "control-plane", abstract: "Run the control plane.")
  @OptionGroup var options: RoleOptions
  func run() async throws {
    throw CommandFailure(.refused, code: "not_built", detail: "this build has no control plane")
  }
}
