import ArgumentParser
import GraphSimulator

/// Writes one machine's processes as systemd services.
struct UnitsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "units", abstract: "Make systemd units of a topology's processes on one machine.",
    discussion: """
      Writes into --out: ID.json (each process's configuration), aimstors-ID.service and \
      aimstors.sysusers. A cell that joins for the first time needs --join-token ID=TOKEN, which \
      `aimstors cell join-token ID` makes. docs/how-to/add-a-cell.md goes through it.
      """)

  @Argument(help: "The topology file.") var topology: String
  @Option(name: .long, help: "The machine.") var machine = Topology.defaultMachine
  @Option(name: .long, help: "The directory to write into.") var out: String
  @Option(name: .long, help: "The program.") var binary = ServiceUnit.Paths().binary
  @Option(name: .long, help: "Where the files will lie.")
  var etc = ServiceUnit.Paths().configuration
  @Option(name: .long, help: "CELL=TOKEN; may be repeated.") var joinToken: [String] = []

  func run() async throws {
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
    let paths = ServiceUnit.Paths(binary: binary, configuration: etc)
    let units = try Self.units(plan, machine: machine, paths: paths, tokens: try tokens())
    try PrivateFile.createDirectory(out)
    for unit in units {
      try PrivateFile.write(unit.configuration.bytes(), to: "\(out)/\(unit.process.id).json")
      try PrivateFile.write(Array(unit.text.utf8), to: "\(out)/\(unit.name).service")
    }
    let users = units.map { $0.userLine + "\n" }.joined()
    try PrivateFile.write(Array(users.utf8), to: "\(out)/aimstors.sysusers")
    Console.out("\(units.count) units in \(out)")
  }

  private func tokens() throws(CommandFailure) -> [String: String] {
    var tokens: [String: String] = [:]
    for text in joinToken {
      let parts = text.split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else {
        throw CommandFailure(.usage, code: "invalid_token", detail: "--join-token CELL=TOKEN")
      }
      tokens[String(parts[0])] = String(parts[1])
    }
    return tokens
  }

  static func units(
    _ topology: Topology, machine: String, paths: ServiceUnit.Paths, tokens: [String: String]
  ) throws(CommandFailure) -> [ServiceUnit] {
    let key = "\(paths.configuration)/keys"
    let secrets = LocalSecrets(
      deploymentKeyFile: "\(key)/deployment.key", sealingKeyFile: "\(key)/sealing.key",
      archiveKeyFile: "\(key)/archive.key", deploymentKey: [], graphToken: "", appSecret: "",
      verifyToken: "", adminToken: nil)
    var ports = PortPlan(free: Array(repeating: 0, count: PortPlan.wanted(by: topology)))
    let plan = DeploymentPlan(
      topology, machine: machine, dataDirectory: ServiceUnit.Paths.data, secrets: secrets,
      ports: &ports, httpPort: nil, outsideGraph: nil)
    guard ports == PortPlan(free: Array(repeating: 0, count: PortPlan.wanted(by: topology))) else {
      throw CommandFailure(
        .usage, code: "ports_not_fixed",
        detail: "services need every port: port and health_port, and publish_port of cells")
    }
    guard !plan.processes.isEmpty else {
      throw CommandFailure(
        .usage, code: ConfigurationError.Code.unknownReference.rawValue,
        detail: "the topology has no machine \(machine)")
    }
    return plan.processes.map { process in
      var process = process
      process.configuration = process.configuration.with(
        "join_token", process.role == .cell ? tokens[process.id].map { JSON($0) } : nil)
      return ServiceUnit(
        process: process, limits: topology.limits(of: process.id), paths: paths)
    }
  }
}
