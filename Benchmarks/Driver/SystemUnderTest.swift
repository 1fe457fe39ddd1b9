import Foundation

/// A running system of its own data directory, started by `aimstors up` and stopped at the end.
final class SystemUnderTest {
  static let startSeconds = 120

  let directory: String
  /// Its HTTP side, which tasks may share.
  let client: BenchClient
  private let process: Process

  static func start(_ repository: Repository, topology: String) async throws -> SystemUnderTest {
    let directory = try Repository.temporaryDirectory("system")
    let process = Process()
    process.executableURL = repository.binaries.appendingPathComponent("aimstors")
    process.arguments = ["up", repository.script(topology)]
    process.environment = ProcessInfo.processInfo.environment.merging([
      "AIMSTORS_DATA": directory, "AIMSTORS_PORT": "0",
    ]) { $1 }
    process.standardOutput = FileHandle.standardError
    try process.run()
    for _ in 0..<startSeconds * 10 {
      if let local = try LocalJSON(directory) {
        return SystemUnderTest(directory, process, BenchClient(local))
      }
      guard process.isRunning else { break }
      try await Task.sleep(for: .milliseconds(100))
    }
    process.terminate()
    throw BenchFailure("the system did not become ready within \(startSeconds) s")
  }

  private init(_ directory: String, _ process: Process, _ client: BenchClient) {
    self.directory = directory
    self.process = process
    self.client = client
  }

  func stop() {
    process.terminate()
    process.waitUntilExit()
    try? FileManager.default.removeItem(atPath: directory)
  }

  /// As it is now: a restarted process has another one than before.
  func pid(of role: String) throws -> Int {
    guard let pid = try member(role)["pid"] as? Int else {
      throw BenchFailure("no process is a \(role)")
    }
    return pid
  }

  func healthURL(of role: String) throws -> String {
    try member(role)["health_url"] as? String ?? ""
  }

  private func member(_ role: String) throws -> [String: Any] {
    let processes = try LocalJSON(directory)?.processes ?? []
    return processes.first { $0["role"] as? String == role } ?? [:]
  }
}

/// What `local.json` tells of a running system.
struct LocalJSON {
  let members: [String: Any]

  var processes: [[String: Any]] { members["processes"] as? [[String: Any]] ?? [] }

  /// Nil while the system is not ready.
  init?(_ directory: String) throws {
    guard let data = FileManager.default.contents(atPath: "\(directory)/local.json"),
      let members = try JSONSerialization.jsonObject(with: data) as? [String: Any]
    else { return nil }
    self.members = members
  }

  func text(_ names: String...) -> String {
    var value: Any? = members
    for name in names { value = (value as? [String: Any])?[name] }
    return value as? String ?? ""
  }
}
