import ArgumentParser
import Chaos
import Foundation

/// What the modes share that attack a whole system.
struct SystemOptions: ParsableArguments {
  @OptionGroup var options: ChaosOptions
  @Option(help: "Leave logs and data in this directory.")
  var keep: String?

  /// Runs a mode in a directory of its own, which stays where the mode failed.
  func run(
    _ mode: Mode,
    _ body: (AttackPlan) async throws -> ChaosReport
  ) async throws {
    let directory =
      keep.map { URL(fileURLWithPath: $0).path }
      ?? FileManager.default.temporaryDirectory.path + "/aimstors-\(mode.rawValue)-"
      + String(ProcessInfo.processInfo.processIdentifier)
    try await options.run(mode) { say in
      let report = try await body(
        AttackPlan(
          cycles: options.cycles, seed: options.seed, sabotage: options.sabotage,
          binaries: Self.binaries, directory: directory, say: say))
      if report.isOK, keep == nil {
        try? FileManager.default.removeItem(atPath: directory)
      } else {
        say("logs and data are in \(directory)")
      }
      return report
    }
  }

  /// Where the other programs of this build stand.
  static var binaries: String {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: own).deletingLastPathComponent().path
  }
}

struct KillCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kill", abstract: "kill -9 of cells, router and control plane under load.")

  @OptionGroup var system: SystemOptions

  func run() async throws {
    try await system.run(.kill) { await KillMode($0).run() }
  }
}

struct PromoteCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "promote",
    abstract: "A cell's primary is killed or stopped under load, and its follower promoted.")

  @OptionGroup var system: SystemOptions

  func run() async throws {
    try await system.run(.promote) { await PromoteMode($0).run() }
  }
}

struct MoveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "move",
    abstract: "Tenants move between cells under load, while processes are killed and stopped.")

  @OptionGroup var system: SystemOptions
  @Option(help: "Only stop source or target in turn, for so long each time.")
  var stopSeconds: Int?

  func run() async throws {
    try await system.run(.move) { await MoveMode($0, stopSeconds: stopSeconds).run() }
  }
}

struct TakeoverCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "takeover",
    abstract: "A move's source or target loses its machine; follower or archive takes over.")

  @OptionGroup var system: SystemOptions

  func run() async throws {
    try await system.run(.takeover) { await TakeoverMode($0).run() }
  }
}

struct UpgradeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "upgrade",
    abstract: "All cells and followers run other versions, good and bad ones, under load.")

  @OptionGroup var system: SystemOptions

  func run() async throws {
    try await system.run(.upgrade) { await UpgradeMode($0).run() }
  }
}

struct StaticCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "static",
    abstract: "The control plane, or one of four cells, is gone: everybody else goes on.")

  @OptionGroup var system: SystemOptions

  func run() async throws {
    try await system.run(.still) { await StaticMode($0).run() }
  }
}

struct PartitionCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "partition",
    abstract: "Tenants move while single pairs of processes do not reach each other.",
    discussion: "Needs network namespaces; where they are not allowed it says so and exits 2.")

  @OptionGroup var system: SystemOptions
  @Flag(help: .private) var inside = false

  func run() async throws {
    if inside {
      return try await system.run(.partition) { await PartitionMode($0).run() }
    }
    do {
      let own = SystemOptions.binaries + "/ChaosCommand"
      let arguments = Array(CommandLine.arguments.dropFirst())
      let status = try PartitionMode.enter([own] + arguments + ["--inside"])
      guard status == 0 else { throw ExitCode(status) }
    } catch let failure as ChaosFailure where failure.isUnsupported {
      FileHandle.standardError.write(Data("partition: \(failure)\n".utf8))
      throw ExitCode(2)
    }
  }
}

struct DrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain",
    abstract: "A cell dies under load, and its tenants go elsewhere through its follower.")

  @OptionGroup var system: SystemOptions

  func run() async throws {
    try await system.run(.drain) { await DrainMode($0).run() }
  }
}

struct HostileCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hostile", abstract: "Peers that mean harm, at every port, beside honest clients.")

  @OptionGroup var system: SystemOptions
  @Option(help: "Hostile connections of the whole run.")
  var connections = 100_000

  func run() async throws {
    try await system.run(.hostile) { await HostileMode($0, connections: connections).run() }
  }
}

struct RestoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore", abstract: "Tenants go back to the middle of a broadcast.")

  @OptionGroup var system: SystemOptions

  func run() async throws {
    try await system.run(.restore) { await RestoreMode($0).run() }
  }
}

struct ArchiveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "archive", abstract: "An archive that is slow, errs, lies, and is damaged.")

  @OptionGroup var system: SystemOptions

  func run() async throws {
    try await system.run(.archive) { plan in
      await ArchiveMode(
        cycles: plan.cycles, seed: plan.seed, directory: plan.directory, say: plan.say
      ).run()
    }
  }
}

struct RefreshCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "refresh",
    abstract: "Sessions renewed by many at once, under lost answers and kill -9.")

  @OptionGroup var system: SystemOptions
  @Option(help: "Who present one token at once.")
  var herd = RefreshMode.standardHerd

  func run() async throws {
    try await system.run(.refresh) { await RefreshMode($0, herd: herd).run() }
  }
}

struct ControlPlaneCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "control-plane",
    abstract: "The control plane dies under load, also with its disk, and comes from an old copy.")

  @OptionGroup var system: SystemOptions

  func run() async throws {
    try await system.run(.controlPlane) { await ControlPlaneMode($0).run() }
  }
}

struct DiskFullCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diskfull", abstract: "A storage engine on an 8 MB disk that fills up.")

  @OptionGroup var options: ChaosOptions
  @Option(help: .private)
  var inside: String?

  func run() async throws {
    if let inside {
      let report = await DiskFullEngine(
        directory: inside, cycles: options.cycles, seed: options.seed,
        say: { FileHandle.standardError.write(Data("diskfull: \($0)\n".utf8)) }
      ).run()
      let line = try JSONEncoder().encode(ChildReport(report))
      FileHandle.standardOutput.write(line + Data("\n".utf8))
      return
    }
    do {
      try await options.run(.diskfull) { say in
        try DiskFullMode(
          cycles: options.cycles, seed: options.seed,
          executable: SystemOptions.binaries + "/ChaosCommand", say: say
        ).run()
      }
    } catch let failure as ChaosFailure where failure.isUnsupported {
      FileHandle.standardError.write(Data("diskfull: \(failure)\n".utf8))
      throw ExitCode(2)
    }
  }
}
