import Archive
import ArgumentParser
import ControlPlane
import Cryptography
import Edge
import GraphSimulator
import Logging
import Messaging
import Platform
import ServiceLifecycle
import Storage
import Wire

/// The control plane: its process, and the restore of its store.
struct ControlPlaneCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "control-plane", abstract: "Run the control plane; restore its store.",
    subcommands: [ControlPlaneRunCommand.self, ControlPlaneRestoreCommand.self],
    defaultSubcommand: ControlPlaneRunCommand.self)
}

/// Runs the control plane as one process.
struct ControlPlaneRunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run the control plane.")

  @OptionGroup var options: RoleOptions

  func run() async throws {
    let environment = Environment.live
    let node = try options.read()
    let files = try RoleFiles(node)
    var configuration: ControlPlaneConfiguration
    let directory: String
    let keyFile: String
    do throws(ConfigurationError) {
      configuration = try ControlPlaneConfiguration(node, files)
      directory = try node.string("data_directory")
      keyFile = try node.string("key_file", default: "")
    } catch {
      throw error.failure
    }
    if !keyFile.isEmpty { configuration.keys = KeyRing(try SealingKeyFile.require(keyFile)) }
    try PrivateFile.createDirectory(directory)
    configuration.watch = files.watch(directory)
    let logger = ProcessLog.make(role: "control_plane", id: files.id, environment: environment)
    ParentWatch.start(environment)
    let archive = try ArchiveSettings.archive(node, dataDirectory: directory)
    let storage = PlatformStorage(
      directory: directory, id: files.id, archive: archive, logger: logger)
    guard try await storage.waitUntilOwned(healthPort: files.healthPort, version: files.version)
    else { return }
    let (engine, isRestored) = try await storage.open()
    let own = OwnStore(engine, gap: storage.gap)
    configuration.ownProblems = { own.problems }
    if archive != nil { configuration.drillStore = { await own.drill() } }
    let messenger = try files.messenger(
      role: .controlPlane, generation: .first, random: LiveRandomSource(), log: logger)
    let plane = try ControlPlaneNode(
      configuration: configuration, store: engine, messenger: messenger, clock: LiveWallClock(),
      boot: LiveBootClock(), random: LiveRandomSource(), logger: logger, ceiling: storage.ceiling)
    let archived = isRestored ? try await storage.archivedCells() : [:]
    _ = try await plane.start(isRestored: isRestored, archived: archived)
    try storage.noteSurveyBegun()
    let archiving = storage.service(engine) { plane.retiredCells() }
    own.watch(archiving?.service)
    let health = HealthServer(
      port: files.healthPort, logger: logger, report: { await plane.health() },
      metrics: {
        await plane.metrics() + (archiving.map { PlatformStorage.metrics($0.service) } ?? "")
      },
      onRunning: { _ in })
    let watches = [
      configuration.keys.map { KeyFileWatch(path: keyFile, keys: $0, logger: logger) },
      try ArchiveSettings.keyFileWatch(node, archive, dataDirectory: directory, logger: logger),
    ].compactMap { $0 }
    let group = ServiceGroup(
      configuration: .init(
        services: [health, plane] + (archiving.map { [$0] } ?? []) + watches,
        gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
    await messenger.close()
    await engine.close()
  }
}

/// Asks the control plane's process, which waits with an empty disk, to restore its store.
struct ControlPlaneRestoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Restore the control plane's lost store from the archive, in its waiting process.")

  @Option(name: .long, help: "Its data directory; default: control-plane in the data directory.")
  var dataDirectory: String?
  @Flag(name: .long, help: "State that the old process is stopped and stays so.")
  var oldIsDead = false
  @Option(name: .long, help: "Give up waiting after so many seconds (exit code 4).")
  var timeout = 120
  @Flag(name: .long, help: "Print one JSON object as the last line.") var json = false

  func run() async throws {
    guard oldIsDead else {
      throw CommandFailure(
        .refused, code: "invalid_state",
        detail: "an old process that goes on would issue what this one issues: state --old-is-dead")
    }
    let directory = dataDirectory ?? Environment.live.dataDirectory + "/control-plane"
    try PrivateFile.write([], to: directory + "/" + PlatformStorage.requestName)
    for _ in 0..<timeout * 10 {
      if try PrivateFile.read(directory + "/" + PlatformStorage.requestName) == nil {
        let answer: JSON = ["restoring": .bool(true), "data_directory": JSON(directory)]
        let text = "\(directory) is being restored; aimstors status says when it is over"
        return Console.out(json ? answer.serialized() : text)
      }
      try await Task.sleep(for: .milliseconds(100))
    }
    PrivateFile.remove(directory + "/" + PlatformStorage.requestName)
    throw CommandFailure(
      .timedOut, code: "timed_out", detail: "no process waits in \(directory) to be restored")
  }
}

extension ControlPlaneConfiguration {
  /// Reads the control plane's file.
  ///
  /// Keys besides ``RoleFiles/keys``: listen, publish, api_url, archive, mail.
  init(_ node: ConfigurationNode, _ files: RoleFiles) throws(ConfigurationError) {
    try node.allow(RoleFiles.keys.union(["listen", "publish", "api_url", "archive", "mail"]))
    self.init(
      id: files.id, version: files.version, listen: Address(try node.string("listen")),
      publish: Address(try node.string("publish")), deploymentKey: files.deploymentKey,
      apiURL: try node.string("api_url"))
    let mail =
      try node.child("mail").map { (node) throws(ConfigurationError) in
        try MailSettings(node)
      } ?? .files
    alerts = AlertSettings(
      mail: mail.sender(directory: try node.string("data_directory") + "/mail"),
      mayStayInside: mail.alertsMayStayInside)
  }
}
