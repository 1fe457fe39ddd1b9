import ArgumentParser
import Cryptography
import Edge
import Logging
import Messaging
import Platform
import Router
import ServiceLifecycle
import Wire

/// Runs a router as one process.
struct RouterRunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "router", abstract: "Run a router.")

  @OptionGroup var options: RoleOptions

  func run() async throws {
    let environment = Environment.live
    let node = try options.read()
    let files = try RoleFiles(node)
    let configuration: RouterConfiguration
    do throws(ConfigurationError) {
      configuration = try RouterConfiguration(node, files)
    } catch {
      throw error.failure
    }
    let logger = ProcessLog.make(role: "router", id: files.id, environment: environment)
    ParentWatch.start(environment)
    let messenger = try files.messenger(
      role: .router, generation: .first, random: LiveRandomSource(), log: logger)
    let router = RouterNode(
      configuration: configuration,
      environment: RouterNode.Environment(
        messenger: messenger, fileSystem: LiveFileSystem(), wallClock: LiveWallClock(),
        bootClock: LiveBootClock(), random: LiveRandomSource(), logger: logger),
      onListening: { ports in
        logger.info("router listens", metadata: ["http": "\(ports.http)"])
      })
    let group = ServiceGroup(
      configuration: .init(
        services: [router], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
    await messenger.close()
  }
}

extension RouterConfiguration {
  /// Reads a router's file.
  ///
  /// Keys besides ``RoleFiles/keys``: http_host, http_port, domain, trusted_proxies,
  /// unlimited_addresses.
  init(_ node: ConfigurationNode, _ files: RoleFiles) throws(ConfigurationError) {
    try node.allow(
      RoleFiles.keys.union([
        "http_host", "http_port", "domain", "trusted_proxies", "unlimited_addresses",
      ]))
    let directory = try node.string("data_directory")
    do { try PrivateFile.createDirectory(directory) } catch {
      throw node.error(.unreadable, "data_directory", error.detail)
    }
    self.init(
      id: files.id, version: files.version,
      host: try node.string("http_host", default: "127.0.0.1"),
      port: try node.integer("http_port", in: Topology.Limits.port, default: 0),
      healthPort: files.healthPort, baseDomain: try node.string("domain", default: "localhost"),
      controlPlane: Address(try node.string("control_plane")),
      mapPublisher: Address(try node.string("control_plane_publications")),
      mapFile: directory + "/placement.map",
      trustedProxies: try node.ranges("trusted_proxies") ?? [],
      unlimitedAddresses: try node.ranges("unlimited_addresses") ?? Self.ownAddresses)
    watch = files.watch(directory)
    mapKey = KeyedHash.derive(from: files.deploymentKey, info: "aimstors-router-map/1")
  }
}
