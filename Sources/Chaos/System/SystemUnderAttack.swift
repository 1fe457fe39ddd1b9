import Foundation
import GraphSimulator

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A real system for one run: `aimstors up` as a child, with its own data directory and free ports.
public final class SystemUnderAttack: Sendable {
  static let topology = """
    version: 1
    name: chaos
    control_plane: {id: control-plane}
    routers: [{id: router-1}]
    cells: [{id: cell-1}, {id: cell-2}]
    graph: {simulator: {numbers: 8}}
    """
  static let startSeconds = 120
  static let stopSeconds = 40

  /// One process of the system as `local.json` names it.
  struct Member: Hashable, Sendable {
    let id: String
    let role: String
    let pid: Int32
    let healthURL: String
    let dataDirectory: String
  }

  let directory: String
  // Foundation's process is used from one task at a time: start, then stop.
  nonisolated(unsafe) private var up: Process
  nonisolated(unsafe) private var lifeline: Pipe
  private let executable: String

  /// Starts it in `directory` and waits until it is ready.
  ///
  /// - Parameter binaries: where `aimstors` stands.
  static func start(
    in directory: String, binaries: String, environment: [String: String],
    topology: String = SystemUnderAttack.topology
  ) async throws -> SystemUnderAttack {
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
    try topology.write(toFile: directory + "/topology.yaml", atomically: true, encoding: .utf8)
    let system = SystemUnderAttack(directory: directory, executable: binaries + "/aimstors")
    try await system.startAgain(environment)
    return system
  }

  private init(directory: String, executable: String) {
    self.directory = directory
    self.executable = executable
    up = Process()
    lifeline = Pipe()
  }

  /// Starts it on the data that it left.
  func startAgain(_ environment: [String: String]) async throws {
    let log = directory + "/up.log"
    if !FileManager.default.fileExists(atPath: log) {
      _ = FileManager.default.createFile(atPath: log, contents: nil)
    }
    let output = FileHandle(forWritingAtPath: log)
    output?.seekToEndOfFile()
    up = Process()
    // `up` stops when this end closes, however this process ends.
    lifeline = Pipe()
    up.executableURL = URL(fileURLWithPath: executable)
    up.arguments = ["up", directory + "/topology.yaml"]
    up.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }.merging([
      "AIMSTORS_DATA": directory + "/data", "AIMSTORS_PORT": "0", "AIMSTORS_SUPERVISED": "1",
      StepTrap.variable: StepTrap.directory(in: directory),
    ]) { $1 }
    up.standardInput = lifeline
    up.standardOutput = output
    up.standardError = output
    try up.run()
    try await wait("the system is ready", seconds: Self.startSeconds) {
      guard self.up.isRunning else { throw ChaosFailure("`up` ended; see \(log)") }
      return (try? self.local()) != nil
    }
  }

  func local() throws -> JSON {
    let path = directory + "/data/local.json"
    guard let data = FileManager.default.contents(atPath: path),
      let json = try? JSON(parsing: Array(data))
    else { throw ChaosFailure("\(path) cannot be read: the system does not run") }
    return json
  }

  func members() throws -> [Member] {
    (try local()["processes"]?.array ?? []).compactMap { process in
      guard let pid = process["pid"]?.integer, let id = process["id"]?.string else { return nil }
      return Member(
        id: id, role: process["role"]?.string ?? "", pid: Int32(pid),
        healthURL: process["health_url"]?.string ?? "",
        dataDirectory: process["data_dir"]?.string ?? "")
    }
  }

  func member(_ id: String) throws -> Member {
    guard let member = try members().first(where: { $0.id == id }) else {
      throw ChaosFailure("\(id) does not run")
    }
    return member
  }

  /// kill -9; answers the process that was killed.
  func kill(_ id: String) throws -> Member {
    let member = try member(id)
    guard Glibc.kill(member.pid, SIGKILL) == 0 else {
      throw ChaosFailure("\(id) (pid \(member.pid)) cannot be killed: errno \(errno)")
    }
    return member
  }

  /// kill -9 of a process that may never have been ready; false where it has ended by itself.
  @discardableResult
  func killLast(_ id: String) throws -> Bool { Glibc.kill(try lastStarted(id), SIGKILL) == 0 }

  /// The process that was started last under a name.
  func lastStarted(_ id: String) throws -> Int32 {
    let prefix = "\(id): started, pid "
    guard
      let line = try told(of: id).last(where: { $0.hasPrefix(prefix) }),
      let pid = Int32(line.dropFirst(prefix.count))
    else { throw ChaosFailure("\(id) was never started") }
    return pid
  }

  /// Whether `up` has found the process ready that was started last under a name.
  func isLastReady(_ id: String) throws -> Bool {
    let (started, ready) = ("\(id): started", "\(id): ready")
    let line = try told(of: id).last { $0.hasPrefix(started) || $0.hasPrefix(ready) }
    return line?.hasPrefix(ready) == true
  }

  /// What `up` has said of a process: of one that is not ready only its log tells.
  private func told(of id: String) throws -> [Substring] {
    try String(contentsOfFile: directory + "/up.log", encoding: .utf8).split(separator: "\n")
      .filter { $0.hasPrefix("\(id): ") }
  }

  /// Waits until another process has taken the place of `killed`, and of those that were killed
  /// after it, and is ready.
  func waitForSuccessor(of killed: Member, and others: Set<Int32> = []) async throws {
    try await wait("\(killed.id) is ready again", seconds: Self.startSeconds) {
      guard let now = try? self.member(killed.id), now.pid != killed.pid,
        !others.contains(now.pid)
      else { return false }
      return await SystemClient.isReady(now.healthURL)
    }
  }

  /// Stops the supervisor, so that what is killed stays dead.
  func freeze() { _ = Glibc.kill(up.processIdentifier, SIGSTOP) }
  func thaw() { _ = Glibc.kill(up.processIdentifier, SIGCONT) }

  /// A router on the data of the system's own, which must be dead.
  func startRouter(_ id: String) throws -> Process {
    let router = Process()
    router.executableURL = URL(fileURLWithPath: executable)
    router.arguments = ["router", "--config", "\(directory)/data/run/\(id).json"]
    router.standardInput = FileHandle.nullDevice
    let log = directory + "/\(id)-alone.log"
    _ = FileManager.default.createFile(atPath: log, contents: nil)
    router.standardOutput = FileHandle(forWritingAtPath: log)
    router.standardError = router.standardOutput
    try router.run()
    return router
  }

  func stop() async {
    thaw()
    guard up.isRunning else { return }
    up.terminate()
    let deadline = ContinuousClock.now + .seconds(Self.stopSeconds)
    while up.isRunning {
      if ContinuousClock.now > deadline { _ = Glibc.kill(up.processIdentifier, SIGKILL) }
      try? await Task.sleep(for: .milliseconds(50))
    }
    try? lifeline.fileHandleForWriting.close()
  }
}

/// Polls until `condition` holds; throws where it does not in time.
func wait(
  _ what: String, seconds: Int, _ condition: () async throws -> Bool
) async throws {
  let deadline = ContinuousClock.now + .seconds(seconds)
  while try await !condition() {
    guard ContinuousClock.now < deadline else {
      throw ChaosFailure("not within \(seconds) s: \(what)")
    }
    try await Task.sleep(for: .milliseconds(50))
  }
}
