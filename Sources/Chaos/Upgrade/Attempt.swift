import Foundation
import GraphSimulator

/// One upgrade of a system under attack, and what must have become of it.
struct Attempt: Sendable {
  let system: SystemUnderAttack
  let client: SystemClient
  let binaries: String
  let cycle: Int
  let say: @Sendable (String) -> Void

  private var version: String { "0.3.\(cycle)-chaos" }

  /// Answers what did not become as it must.
  func run(_ fault: UpgradeMode.Fault) async throws -> String? {
    let before = try await allVersions()
    switch fault {
    case .none, .killed:
      try release(.good)
      let operation = try await begin()
      if fault == .killed {
        // Past the baseline: processes are being told.
        try await wait("\(operation) has begun", seconds: UpgradeMode.patienceSeconds) {
          let now = try await client.admin("GET", "/v1/operations/\(operation)")
          return ["canary", "waves"].contains(now["step"]?.string)
        }
        let killed = try system.kill("control-plane")
        try await system.waitForSuccessor(of: killed)
      }
      return try await demand(operation, "succeeded", versions: { _ in version })
    case .back:
      try release(.good)
      if let complaint = try await demand(
        try await begin(), "succeeded", versions: { _ in version })
      {
        return complaint
      }
      return try await demand(try await rollBack(), "succeeded") { before[$0] ?? "" }
    case .erring:
      try release(.erring)
      let halted = try await ended(try await begin())
      guard halted["state"]?.string == "failed",
        halted["error"]?["code"]?.string == "upgrade_halted"
      else { return "a version that fails requests was not halted: \(halted.serialized())" }
      let changed = try await allVersions().filter { $0.value == version }
      guard changed.count == 1 else { return "\(changed.count) processes run what errs" }
      return try await demand(try await rollBack(), "succeeded") { before[$0] ?? "" }
    case .dead:
      try release(.dead)
      let halted = try await ended(try await begin())
      guard halted["error"]?["code"]?.string == "upgrade_halted" else {
        return "a version that does not start was not halted: \(halted.serialized())"
      }
      // Nobody is asked: the process has gone back by itself.
      return try await demandVersions { before[$0] ?? "" }
    case .hanging:
      try release(.hanging)
      let halted = try await ended(
        try await begin(soakSeconds: UpgradeMode.longSoakSeconds))
      guard halted["error"]?["code"]?.string == "upgrade_halted" else {
        return "a version that hangs was not halted: \(halted.serialized())"
      }
      return try await demandVersions(within: UpgradeMode.hangingSeconds) { before[$0] ?? "" }
    }
  }

  // MARK: Releases

  private enum Quality { case good, erring, dead, hanging }

  /// Puts the program of this build where a release lies, as another version.
  private func release(_ quality: Quality) throws {
    let directory = "\(system.directory)/data/releases/\(version)"
    let files = FileManager.default
    try files.createDirectory(
      atPath: directory, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o755])
    let program = quality == .good ? "aimstors" : "program"
    do {
      try files.linkItem(atPath: binaries + "/aimstors", toPath: "\(directory)/\(program)")
    } catch {
      try files.copyItem(atPath: binaries + "/aimstors", toPath: "\(directory)/\(program)")
    }
    try "\(version)\n".write(
      toFile: directory + "/VERSION", atomically: true, encoding: .utf8)
    guard quality != .good else { return }
    let break_ =
      switch quality {
      case .good, .erring: "export AIMSTORS_SABOTAGE=fail-requests"
      case .dead: "exit 1"
      case .hanging:
        "{ pid=$$; (sleep \(UpgradeMode.hangsAfterSeconds); kill -STOP $pid) & }"
      }
    let script = """
      #!/bin/sh
      [ "$1" = build ] || \(break_)
      exec "$(dirname "$0")/program" "$@"

      """
    try script.write(toFile: directory + "/aimstors", atomically: true, encoding: .utf8)
    try files.setAttributes(
      [.posixPermissions: 0o755], ofItemAtPath: directory + "/aimstors")
  }

  // MARK: Operations

  private func begin(soakSeconds: Int = UpgradeMode.soakSeconds) async throws -> String {
    try await started(
      "/v1/upgrades",
      [
        "version": JSON(version), "soak_seconds": JSON(soakSeconds),
        "wave_size": 1,
      ])
  }

  private func rollBack() async throws -> String { try await started("/v1/rollbacks", [:]) }

  private func started(_ path: String, _ body: JSON) async throws -> String {
    let operation = try await client.admin(
      "POST", path, body, key: "\(path)-\(cycle)")
    return operation["id"]?.string ?? ""
  }

  private func ended(_ id: String) async throws -> JSON {
    var operation = JSON.null
    try await wait("\(id) has ended", seconds: UpgradeMode.patienceSeconds) {
      operation = try await client.admin("GET", "/v1/operations/\(id)")
      return !["planned", "running"].contains(operation["state"]?.string)
    }
    say("  \(id): \(operation["state"]?.string ?? ""), \(operation["error"]?.serialized() ?? "")")
    return operation
  }

  private func demand(
    _ id: String, _ state: String, versions expected: (String) -> String
  ) async throws -> String? {
    let operation = try await ended(id)
    guard operation["state"]?.string == state else {
      return "not \(state): \(operation.serialized())"
    }
    return try await demandVersions(expected)
  }

  private func demandVersions(
    within seconds: Int = UpgradeMode.patienceSeconds, _ expected: (String) -> String
  ) async throws -> String? {
    var complaint: String?
    // A process that goes back by itself takes as long as three starts.
    try await wait("versions are looked at", seconds: seconds) {
      let now = (try? await versions()) ?? [:]
      let wrong = now.filter { $0.value != expected($0.key) }
      complaint =
        now.isEmpty || !wrong.isEmpty ? "processes run other versions: \(now)" : nil
      return complaint == nil
    }
    return complaint
  }

  /// What cells and followers say that they are, once all of them answer.
  private func allVersions() async throws -> [String: String] {
    var found: [String: String] = [:]
    try await wait("processes say what they are", seconds: UpgradeMode.patienceSeconds) {
      guard let now = try? await versions() else { return false }
      found = now
      return true
    }
    return found
  }

  /// What cells and followers say that they are.
  private func versions() async throws -> [String: String] {
    var versions: [String: String] = [:]
    for member in try system.members() where ["cell", "follower"].contains(member.role) {
      let (_, health) = try await SystemClient.once(
        "GET", member.healthURL + "/healthz", nil, nil, nil, nil)
      versions[member.id] = health["version"]?.string ?? ""
    }
    return versions
  }
}
