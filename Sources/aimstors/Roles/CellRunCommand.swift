import ArgumentParser
import Cell
import Edge
import Logging
import Messaging
import Platform
import ServiceLifecycle
import Wire

/// Runs one cell as one process.
struct CellRunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "run", abstract: "Run one cell.")

  @OptionGroup var options: RoleOptions

  func run() async throws {
    let environment = Environment.live
    let node = try options.read()
    let files = try RoleFiles(node)
    let configuration: CellConfiguration
    do {
      configuration = try CellConfiguration(node, files)
    } catch let error as ConfigurationError {
      throw error.failure
    }
    try PrivateFile.createDirectory(configuration.dataDirectory)
    let archive = try ArchiveSettings.archive(
      node, dataDirectory: configuration.dataDirectory)
    let logger = ProcessLog.make(role: "cell", id: files.id, environment: environment)
    ParentWatch.start(environment)
    let messenger = try files.messenger(
      role: .cell, generation: .first, random: LiveRandomSource(), log: logger)
    let cell = CellNode(
      configuration: configuration, messenger: messenger, files: LiveFileSystem(),
      clock: LiveWallClock(), boot: LiveBootClock(), random: LiveRandomSource(), logger: logger,
      archive: archive,
      fatal: { reason in
        logger.critical("the cell cannot go on", metadata: ["reason": "\(reason)"])
        exitProcess(.refused)
      })
    try await cell.start()
    let health = HealthServer(
      port: files.healthPort, logger: logger, report: { cell.report() },
      metrics: { await cell.metrics() }, onRunning: { _ in })
    let group = ServiceGroup(
      configuration: .init(
        services: [health, cell], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
  }
}

extension CellConfiguration {
  /// Reads a cell's file.
  ///
  /// Keys besides ``RoleFiles/keys``: region, listen, advertise, graph_url, join_token,
  /// archive.
  init(_ node: ConfigurationNode, _ files: RoleFiles) throws {
    try node.allow(
      RoleFiles.keys.union([
        "region", "listen", "advertise", "graph_url", "join_token", "archive",
      ]))
    guard let id = CellID(files.id), let region = RegionID(try node.string("region")) else {
      throw node.error(.outOfRange, "region", "and id must be 1 to 64 of a-z A-Z 0-9 _ -")
    }
    let joinToken = try node.string("join_token", default: "")
    self.init(
      id: id, region: region, dataDirectory: try node.string("data_directory"),
      listen: Address(try node.string("listen")),
      advertise: try node.string("advertise", default: ""),
      controlPlane: Address(try node.string("control_plane")),
      joinToken: joinToken.isEmpty ? nil : joinToken, graphURL: try node.string("graph_url"),
      sealingKey: try KeyFile.require(try node.string("key_file")),
      healthPort: files.healthPort, version: files.version)
  }
}
