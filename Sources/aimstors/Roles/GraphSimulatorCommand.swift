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
  /// Keys: id, version, host, port, numbers, token, app_secret, verify_token, webhook_url,
  /// webhook_host, unknown_templates (accept or refuse), templates (waba_id, name, language,
  /// category, text).
  init(_ node: ConfigurationNode) throws(ConfigurationError) {
    try node.allow([
      "id", "version", "port", "numbers", "token", "app_secret", "verify_token", "webhook_url",
      "webhook_host", "unknown_templates", "templates", "host",
    ])
    let url = try node.string("webhook_url", default: "")
    let host = try node.string("webhook_host", default: "")
    var faults = Faults()
    faults.strictTemplates = !(try node.acceptsUnknownTemplates())
    var templates: [KnownTemplate] = []
    if node.contains("templates") {
      for template in try node.children("templates", count: 0...1_000) {
        try template.allow(["waba_id", "name", "language", "category", "text"])
        templates.append(
          KnownTemplate(
            wabaID: try template.string("waba_id"), name: try template.string("name"),
            language: try template.string("language"), category: try template.string("category"),
            text: try template.string("text")))
      }
    }
    self.init(
      host: try node.string("host", default: "127.0.0.1"),
      port: try node.integer("port", in: Topology.Limits.port, default: 0),
      tokens: [try node.string("token")],
      numbers: PhoneNumber.series(
        try node.integer("numbers", in: Topology.Limits.simulatedNumbers, default: 12)),
      webhook: url.isEmpty
        ? nil
        : WebhookTarget(
          url: url, host: host.isEmpty ? nil : host, appSecret: try node.string("app_secret"),
          verifyToken: try node.string("verify_token")), faults: faults, templates: templates,
      id: try node.string("id", default: "graph"),
      version: try node.string("version", default: Build.version))
  }
}
