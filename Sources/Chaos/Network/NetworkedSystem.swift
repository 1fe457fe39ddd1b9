import Foundation
import GraphSimulator
import Messaging
import Platform
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The processes of a system that `up` has made, each in a namespace of its own.
final class NetworkedSystem: AttackedSystem {
  static let processes = [
    "control-plane", "router-1", "cell-1", "cell-2", "cell-1-b", "cell-2-b",
  ]
  private static let commands = [
    "control-plane": ["control-plane"], "router-1": ["router"], "cell-1": ["cell", "run"],
    "cell-2": ["cell", "run"], "cell-1-b": ["follower"], "cell-2-b": ["follower"],
    "graph": ["graph-simulator"],
  ]

  let wires = Wires(names: NetworkedSystem.processes)
  let directory: String
  private let executable: String
  private let environment: [String: String]
  private let listed: [SystemUnderAttack.Member]
  // Foundation's processes are used from one task: start, then stop.
  nonisolated(unsafe) private var running: [String: Process] = [:]

  /// `system` has stopped; its configurations are rewritten for the namespaces.
  init(
    _ system: SystemUnderAttack, members: [SystemUnderAttack.Member], executable: String,
    environment: [String: String]
  ) throws {
    directory = system.directory
    self.executable = executable
    self.environment = environment
    listed = members
    try wires.lay()
    try rewrite()
  }

  func members() throws -> [SystemUnderAttack.Member] { listed }

  /// What a description of the system says after everything has moved.
  func moved(_ local: JSON) throws -> JSON {
    try JSON(parsing: Array(try moved(local.serialized()).utf8))
  }

  func spooledParts(_ member: SystemUnderAttack.Member) async throws -> Int? {
    SystemClient.spooledParts(
      in: try output(
        of: member.id, ["curl", "-s", "-m", "5", member.healthURL + "/metrics"]))
  }

  // MARK: Processes

  func start(_ id: String) throws {
    let command =
      [executable] + (Self.commands[id] ?? []) + ["--config", "\(directory)/data/run/\(id).json"]
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = wires.names.contains(id) ? wires.inside(id, command) : command
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }.merging(
      [StepTrap.variable: StepTrap.directory(in: directory)]) { $1 }
    process.standardInput = FileHandle.nullDevice
    let log = "\(directory)/data/logs/\(id)-alone.log"
    if !FileManager.default.fileExists(atPath: log) {
      _ = FileManager.default.createFile(atPath: log, contents: nil)
    }
    let output = FileHandle(forWritingAtPath: log)
    output?.seekToEndOfFile()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    running[id] = process
  }

  func startAll() throws {
    for id in ["graph"] + Self.processes { try start(id) }
  }

  func stop() async {
    for process in running.values where process.isRunning { process.terminate() }
    let deadline = ContinuousClock.now + .seconds(SystemUnderAttack.stopSeconds)
    for process in running.values {
      while process.isRunning {
        if ContinuousClock.now > deadline { _ = kill(process.processIdentifier, SIGKILL) }
        try? await Task.sleep(for: .milliseconds(50))
      }
    }
  }

  /// Whether one process's machine can open a connection to where another listens.
  func reaches(_ one: String, _ other: String) throws -> Bool {
    let address = try configuration(other)["listen"]?.string ?? ""
    let parts = address.split(separator: ":").map(String.init)
    let (host, port) = (parts[1].trimmingPrefix("//"), parts[2])
    let answer = try output(
      of: one,
      // Children inherit a mask that blocks gentler signals.
      [
        "timeout", "-s", "KILL", "1", "bash", "-c",
        "exec 3<>/dev/tcp/\(host)/\(port) && echo reached",
      ])
    return answer.contains("reached")
  }

  private func output(of id: String, _ command: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = wires.inside(id, command)
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
  }

  // MARK: Configurations

  /// Where each port of the loopback system is from now on.
  private func places() throws -> [String: String] {
    var places: [String: String] = [:]
    func add(_ json: JSON, _ keys: [String], _ address: String) {
      for key in keys {
        guard let port = json[key]?.string?.split(separator: ":").last else { continue }
        places["tcp://127.0.0.1:\(port)"] = "tls+tcp://\(address):\(port)"
      }
    }
    for id in Self.processes {
      add(try configuration(id), ["listen", "publish", "advertise"], wires.address(id))
    }
    let router = try configuration("router-1")
    if let port = router["http_port"]?.integer {
      places["127.0.0.1:\(port)"] = "\(wires.address("router-1")):\(port)"
    }
    if let port = try configuration("graph")["port"]?.integer {
      places["127.0.0.1:\(port)"] = "\(Wires.middle):\(port)"
    }
    return places
  }

  private func path(_ id: String) -> String { "\(directory)/data/run/\(id).json" }

  private func configuration(_ id: String) throws -> JSON {
    try JSON(parsing: Array(try String(contentsOfFile: path(id), encoding: .utf8).utf8))
  }

  private let map = Mutex<[String: String]>([:])

  private func moved(_ text: String) throws -> String {
    map.withLock { $0 }.reduce(text) { $0.replacing($1.key, with: $1.value) }
  }

  private func rewrite() throws {
    let certificates = CertificateDirectory(path: "\(directory)/data/tls")
    try FileManager.default.createDirectory(
      atPath: certificates.path, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
    _ = try certificates.createAuthority(name: "chaos", days: 1, clock: LiveWallClock())
    let places = try places()
    map.withLock { $0 = places }
    for id in ["graph"] + Self.processes {
      var json = try moved(try configuration(id))
      if id != "graph" {
        // Between hosts nothing is spoken in the clear.
        let file = "\(certificates.path)/\(id).pem"
        _ = try certificates.issue(
          try CertificateRequest(name: id, hosts: [wires.address(id)], days: 1), to: file,
          clock: LiveWallClock())
        json = json.with(
          "tls",
          [
            "authority": JSON(certificates.authorityFile), "certificate_and_key": JSON(file),
          ])
      }
      if id == "router-1" { json = json.with("http_host", JSON(wires.address(id))) }
      if id == "graph" { json = json.with("host", JSON(Wires.middle)) }
      try json.serialized().write(toFile: path(id), atomically: true, encoding: .utf8)
    }
  }
}
