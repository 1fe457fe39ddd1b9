import Foundation
import GraphSimulator

/// The control plane's disk and its part of the archive: copied, lost, and restored from the copy.
struct PlaneDisk {
  static let plane = "control-plane"
  /// What the archive has of the control plane alone.
  static let parts = [
    "journal/control-plane", "heads/control-plane", "claims/control-plane", "tenants/_platform",
  ]
  static let waitSeconds = 90

  let system: SystemUnderAttack
  let binaries: String

  private var archive: String { system.directory + "/data/archive" }
  private var kept: String { system.directory + "/copy" }

  /// Keeps the archive of the control plane as it is now.
  func copy() async throws {
    let member = try system.member(Self.plane)
    try await wait("the control plane is archived", seconds: Self.waitSeconds) {
      await SystemClient.metric("aimstors_archive_lag_records", member.healthURL) == 0
    }
    let files = FileManager.default
    try? files.removeItem(atPath: kept)
    // Right after a start there is no snapshot yet.
    for part in Self.parts where files.fileExists(atPath: archive + "/" + part) {
      let target = kept + "/" + part
      try files.createDirectory(
        atPath: URL(fileURLWithPath: target).deletingLastPathComponent().path,
        withIntermediateDirectories: true)
      try files.copyItem(atPath: archive + "/" + part, toPath: target)
    }
  }

  /// Takes the disk away under the running process, and the process with it.
  func lose() throws -> SystemUnderAttack.Member {
    let member = try system.member(Self.plane)
    let lost = system.directory + "/lost-\(member.pid)"
    try FileManager.default.moveItem(atPath: member.dataDirectory, toPath: lost)
    return try system.kill(Self.plane)
  }

  /// Has the process that has taken the lost one's place restore the copy.
  func restore(after killed: SystemUnderAttack.Member) async throws {
    try await wait("the control plane says that its disk is lost", seconds: Self.waitSeconds) {
      let health = try? await SystemClient.once(
        "GET", killed.healthURL + "/healthz", nil, nil, nil, nil)
      return health?.answer["problems"]?.array?.contains {
        $0["code"]?.string == "control_plane_lost"
      } ?? false
    }
    let files = FileManager.default
    for part in Self.parts {
      if files.fileExists(atPath: archive + "/" + part) {
        try files.removeItem(atPath: archive + "/" + part)
      }
      guard files.fileExists(atPath: kept + "/" + part) else { continue }
      try files.copyItem(atPath: kept + "/" + part, toPath: archive + "/" + part)
    }
    let restore = Process()
    restore.executableURL = URL(fileURLWithPath: binaries + "/aimstors")
    restore.arguments = [
      "control-plane", "restore", "--old-is-dead", "--data-directory", killed.dataDirectory,
    ]
    restore.standardOutput = FileHandle.nullDevice
    try restore.run()
    while restore.isRunning { try await Task.sleep(for: .milliseconds(20)) }
    guard restore.terminationStatus == 0 else {
      throw ChaosFailure("the restore ended with \(restore.terminationStatus)")
    }
    try await system.waitForSuccessor(of: killed)
  }
}
