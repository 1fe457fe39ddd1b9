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

  public static let unsupported =
    "this machine does not allow a tmpfs in a private mount namespace"
  private static let mount = "mount -t tmpfs -o size=\(diskBytes) none \"$0\""

  /// Whether this machine lets the mode mount its disk.
  public static var isSupported: Bool {
    (try? inDirectory { try start("\(mount) && umount \"$0\"", [$0], sabotage: nil).status == 0 })
      ?? false
  }

  private static func inDirectory<T>(_ body: (String) throws -> T) throws -> T {
    let directory =
      FileManager.default.temporaryDirectory.path + "/aimstors-diskfull-\(UUID().uuidString)"
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    return try body(directory)
  }

  /// Throws an unsupported ``ChaosFailure`` where no private file system can be mounted.
  public func run() throws -> ChaosReport {
    guard Self.isSupported else { throw ChaosFailure(Self.unsupported, isUnsupported: true) }
    return try Self.inDirectory { try run(in: $0) }
  }

  private func run(in directory: String) throws -> ChaosReport {
    let (status, output) = try Self.start(
      "\(Self.mount) && exec \"$@\"",
      [
        directory, executable, "diskfull", "--inside", directory, "--cycles", "\(cycles)",
        "--seed", "\(seed)",
      ], sabotage: sabotage)
    let line = output.split(separator: "\n").last.map(String.init) ?? ""
    guard let report = try? JSONDecoder().decode(ChildReport.self, from: Data(line.utf8)) else {
      throw ChaosFailure("the engine's process ended with \(status) and no report: \(line)")
    }
    return report.report
  }

  /// Runs a script in a private mount namespace; its errors go to ours.
  private static func start(
    _ script: String, _ arguments: [String], sabotage: String?
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
