import Foundation

/// A storage engine on an 8 MB file system that fills up and is freed.
///
/// The engine runs in a child in a mount namespace of its own, so that its file system is nobody
/// else's and goes with it. Where the machine does not allow that, the mode says so.
public struct DiskFullMode: Sendable {
  public static let diskBytes = 8 * 1_024 * 1_024

  public let cycles: Int
  public let seed: UInt64
  public let sabotage: String?
  /// The program that runs ``DiskFullEngine``, by `diskfull --inside DIRECTORY`.
  public let executable: String
  let say: @Sendable (String) -> Void

  public init(
    cycles: Int, seed: UInt64, sabotage: String? = nil, executable: String,
    say: @escaping @Sendable (String) -> Void
  ) {
    self.cycles = cycles
    self.seed = seed
    self.sabotage = sabotage
    self.executable = executable
    self.say = say
  }

  /// Throws an unsupported ``ChaosFailure`` where no private file system can be mounted.
  public func run() throws -> ChaosReport {
    let directory =
      FileManager.default.temporaryDirectory.path + "/aimstors-diskfull-\(UUID().uuidString)"
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let mount = "mount -t tmpfs -o size=\(Self.diskBytes) none \"$0\""
    guard try start("\(mount) && umount \"$0\"", [directory]).status == 0 else {
      throw ChaosFailure(
        "this machine does not allow a tmpfs in a private mount namespace", isUnsupported: true)
    }
    let (status, output) = try start(
      "\(mount) && shift 0 && exec \"$@\"",
      [
        directory, executable, "diskfull", "--inside", directory, "--cycles", "\(cycles)",
        "--seed", "\(seed)",
      ])
    let line = output.split(separator: "\n").last.map(String.init) ?? ""
    guard let report = try? JSONDecoder().decode(ChildReport.self, from: Data(line.utf8)) else {
      throw ChaosFailure("the engine's process ended with \(status) and no report: \(line)")
    }
    return report.report
  }

  /// Runs a script in a private mount namespace; its errors go to ours.
  private func start(
    _ script: String, _ arguments: [String]
  ) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      ["unshare", "--mount", "--propagation", "private", "sh", "-c", script] + arguments
    var environment = ProcessInfo.processInfo.environment
    if let sabotage { environment["AIMSTORS_SABOTAGE"] = sabotage }
    process.environment = environment
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }
}

/// What the child says, in its last line.
public struct ChildReport: Codable {
  var cycles: Int
  var acked: Int
  var lost: Int
  var duplicated: Int
  var diverged: Int
  var faultsHit: [String: Int]
  var complaints: [String]

  public init(_ report: ChaosReport) {
    cycles = report.cycles
    acked = report.acked
    lost = report.lost
    duplicated = report.duplicated
    diverged = report.diverged
    faultsHit = report.faultsHit
    complaints = report.complaints
  }

  var report: ChaosReport {
    var report = ChaosReport()
    report.cycles = cycles
    report.acked = acked
    report.lost = lost
    report.duplicated = duplicated
    report.diverged = diverged
    report.faultsHit = faultsHit
    report.complaints = complaints
    return report
  }
}
