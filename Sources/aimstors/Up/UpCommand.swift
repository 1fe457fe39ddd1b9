import ArgumentParser
import GraphSimulator
import Platform
import ServiceLifecycle
import UnixSignals

/// Runs the processes of a topology on this machine, until Ctrl-C.
struct UpCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "up", abstract: "Start the processes of a topology and keep them running.")

  @Argument(help: "The topology file, e.g. topology/local.yaml.")
  var topology: String

  @Option(name: .long, help: "Start only the processes of this machine.")
  var machine = Topology.defaultMachine

  @Flag(name: .long, help: "Check the topology file and stop.")
  var check = false

  @Flag(name: .long, help: "Print the tokens and keys of the local system, too.")
  var showSecrets = false

  func run() async throws {
    let environment = Environment.live
    guard let bytes = try PrivateFile.read(topology) else {
      throw CommandFailure(
        .usage, code: ConfigurationError.Code.unreadable.rawValue,
        detail: "there is no \(topology)")
    }
    let plan: Topology
    do {
      plan = try Topology(yaml: String(decoding: bytes, as: UTF8.self), file: topology)
    } catch {
      throw error.failure
    }
    guard plan.machines.contains(machine) else {
      throw CommandFailure(
        .usage, code: ConfigurationError.Code.unknownReference.rawValue,
        detail:
          "\(topology) has no machine \(machine); it has \(plan.machines.joined(separator: ", "))")
    }
    guard !check else {
      Console.out("\(topology): \(plan.cells.count) cells, \(plan.routers.count) routers, in order")
      return
    }
    ParentWatch.start(environment)
    let system = LocalSystem(
      topology: plan, machine: machine, environment: environment, showSecrets: showSecrets)
    try await system.run()
  }
}
