import ArgumentParser
import ControlPlane
import Edge
import Logging
import Messaging
import Platform
import ServiceLifecycle
import Storage
import Wire

/// Runs the control plane as one process.
struct ControlPlaneRunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "control-plane", abstract: "Run the control plane.")

  @OptionGroup var options: RoleOptions

  func run() async throws {
    let environment = Environment.live
    let node = try options.read()
    let files = try RoleFiles(node)
    let configuration: ControlPlaneConfiguration
    let directory: String
    do throws(ConfigurationError) {
      configuration = try ControlPlaneConfiguration(node, files)
      directory = try node.string("data_directory")
    } catch {
      throw error.failure
    }
    try PrivateFile.createDirectory(directory)
    let logger = ProcessLog.make(role: "control_plane", id: files.id, environment: environment)
    ParentWatch.start(environment)
    let engine = try await Self.openStore(directory, id: files.id, logger: logger)
    let messenger = try files.messenger(
      role: .controlPlane, generation: .first, random: LiveRandomSource(), log: logger)
    let plane = try ControlPlaneNode(
      configuration: configuration, store: engine, messenger: messenger, clock: LiveWallClock(),
      boot: LiveBootClock(), random: LiveRandomSource(), logger: logger)
    _ = try await plane.start()
    let health = HealthServer(
      port: files.healthPort, logger: logger, report: { await plane.health() },
      metrics: { await plane.metrics() }, onRunning: { _ in })
    let group = ServiceGroup(
      configuration: .init(
        services: [health, plane], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
    await messenger.close()
    await engine.close()
  }

  /// The control plane's own store: the storage engine of a cell, with one pseudo-tenant.
  private static func openStore(
    _ directory: String, id: String, logger: Logger
  ) async throws -> StorageEngine {
    let engine = StorageEngine(
      EngineConfiguration(directory: directory, cell: CellID(trusted: id)),
      clock: LiveWallClock(), random: LiveRandomSource(), files: LiveFileSystem(), log: logger,
      schema: { _ in PlatformSchema.schema },
      fatal: { fatality in
        logger.critical("the journal failed", metadata: ["reason": "\(fatality)"])
        exitProcess(.refused)
      })
    _ = try await engine.start()
    if engine.ownership(.platformStore) == nil {
      try await engine.create(.platformStore, epoch: .first)
    }
    return engine
  }
}

extension ControlPlaneConfiguration {
  /// Reads the control plane's file.
  ///
  /// Keys besides ``RoleFiles/keys``: listen, publish, api_url.
  init(_ node: ConfigurationNode, _ files: RoleFiles) throws(ConfigurationError) {
    try node.allow(RoleFiles.keys.union(["listen", "publish", "api_url"]))
    self.init(
      id: files.id, version: files.version, listen: Address(try node.string("listen")),
      publish: Address(try node.string("publish")), deploymentKey: files.deploymentKey,
      apiURL: try node.string("api_url"))
  }
}
