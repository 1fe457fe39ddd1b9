import ArgumentParser
import GraphSimulator
import Platform
import ServiceLifecycle

/// Runs the simulated Graph API as one process.
struct GraphSimulatorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "graph-simulator", abstract: "Run a simulated Graph API.")

  @OptionGroup var options: RoleOptions

  func run() async throws {
    let environment = Environment.live
    let configuration: GraphSimulatorConfiguration
    do {
      configuration = try GraphSimulatorConfiguration(try options.read())
    } catch let error as ConfigurationError {
      throw error.failure
    }
    let logger = ProcessLog.make(
      role: "graph_simulator", id: configuration.id, environment: environment)
    ParentWatch.start(environment)
    let node = SimulatorNode(
      configuration, clock: LiveWallClock(), random: LiveRandomSource(), logger: logger)
    let group = ServiceGroup(
      configuration: .init(
        services: [node], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
  }
}

extension GraphSimulatorConfiguration {
  /// Reads a simulator's file.
  ///
  /// Keys: id, version, port, numbers, token, app_secret, verify_token, webhook_url, webhook_host.
  init(_ node: ConfigurationNode) throws(ConfigurationError) {
    try node.allow([
      "id", "version", "port", "numbers", "token", "app_secret", "verify_token", "webhook_url",
      "webhook_host",
    ])
    let url = try node.string("webhook_url", default: "")
    let host = try node.string("webhook_host", default: "")
    self.init(
      port: try node.integer("port", in: Topology.Limits.port, default: 0),
      tokens: [try node.string("token")],
      numbers: PhoneNumber.series(
        try node.integer("numbers", in: Topology.Limits.simulatedNumbers, default: 12)),
      webhook: url.isEmpty
        ? nil
        : WebhookTarget(
          url: url, host: host.isEmpty ? nil : host, appSecret: try node.string("app_secret"),
          verifyToken: try node.string("verify_token")),
      id: try node.string("id", default: "graph"),
      version: try node.string("version", default: Build.version))
  }
}
