import GraphSimulator
import Platform

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A system of its own for one journey: `up` as a child, on free ports, in its own directory.
struct PrivateSystem {
  static let topology = """
    version: 1
    name: smoke
    control_plane: {id: control-plane}
    routers: [{id: router-1}]
    cells: [{id: cell-1}, {id: cell-2}]
    graph: {simulator: {numbers: 8}}
    """
  static let startSeconds = 120
  static let pollMilliseconds = 50

  let directory: String
  private let up: ChildProcess
  let caller = HTTPCaller()

  /// Starts it and waits until it is ready.
  static func start(in directory: String) async throws(CommandFailure) -> PrivateSystem {
    try PrivateFile.createDirectory(directory)
    let file = directory + "/topology.yaml"
    try PrivateFile.write(Array(topology.utf8), to: file)
    let up = try ChildProcess.start(
      try LocalSystem.executable(), ["up", file], log: directory + "/up.log",
      environment: [
        "AIMSTORS_DATA": directory + "/data", "AIMSTORS_PORT": "0", "AIMSTORS_SUPERVISED": "1",
      ])
    let system = PrivateSystem(directory: directory, up: up)
    try await wait("the system is ready", seconds: startSeconds) { () throws(CommandFailure) in
      if let end = up.poll() {
        throw CommandFailure(
          .refused, code: "not_started", detail: "up ended with \(end); see \(directory)/up.log")
      }
      return try LocalDescription.read(directory + "/data") != nil
    }
    return system
  }

  func local() throws(CommandFailure) -> JSON {
    guard let local = try LocalDescription.read(directory + "/data") else {
      throw CommandFailure(.refused, code: "not_running", detail: "the system has stopped")
    }
    return local
  }

  /// kill -9 of one process.
  func kill(_ id: String) throws(CommandFailure) {
    let process = try local()["processes"]?.array?.first { $0["id"]?.string == id }
    guard let pid = process?["pid"]?.integer else {
      throw CommandFailure(.refused, code: "no_process", detail: "\(id) does not run")
    }
    _ = Glibc.kill(Int32(pid), SIGKILL)
  }

  /// Webhook parts in the spools of all cells; nil while a cell cannot say.
  func spooledParts() async throws(CommandFailure) -> Int? {
    var sum = 0
    for process in try local()["processes"]?.array ?? [] where process["role"]?.string == "cell" {
      let url = (process["health_url"]?.string ?? "") + "/metrics"
      guard let page = try? await caller.call("GET", url), page.status == 200,
        let line = String(decoding: page.body, as: UTF8.self).split(separator: "\n")
          .first(where: { $0.hasPrefix("aimstors_spool_parts") }),
        let parts = line.split(separator: " ").last.flatMap({ Int($0) })
      else { return nil }
      sum += parts
    }
    return sum
  }

  /// Freezes the supervisor, so that what is killed stays dead.
  func freeze() { up.signal(SIGSTOP) }
  func thaw() { up.signal(SIGCONT) }

  func stop() async {
    up.signal(SIGCONT)
    up.signal(SIGTERM)
    let deadline = ContinuousClock.now + .seconds(4 * Supervisor.stopSeconds)
    while up.poll() == nil {
      if ContinuousClock.now > deadline { up.signal(SIGKILL) }
      try? await Task.sleep(for: .milliseconds(Self.pollMilliseconds))
    }
  }

  /// Waits until `condition` holds; throws `timed_out`, exit code 4.
  static func wait(
    _ what: String, seconds: Int, _ condition: () async throws(CommandFailure) -> Bool
  ) async throws(CommandFailure) {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while true {
      if try await condition() { return }
      guard ContinuousClock.now < deadline else {
        throw CommandFailure(
          .timedOut, code: "timed_out", detail: "not within \(seconds) s: \(what)")
      }
      try? await Task.sleep(for: .milliseconds(pollMilliseconds))
    }
  }
}
