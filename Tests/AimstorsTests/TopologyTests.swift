import Testing

@testable import aimstors

@Suite struct TopologyTests {
  private static let good = """
    version: 1
    control_plane: {id: plane}
    routers:
      - {id: r1, http_port: 8080}
    cells:
      - {id: c1}
      - {id: c2, region: eu}
    graph:
      simulator: {numbers: 8}
    demo: true
    """

  @Test func `a short file takes the defaults`() throws {
    let topology = try Topology(yaml: Self.good, file: "t.yaml")
    #expect(topology.cells.map(\.region) == ["local", "eu"])
    #expect(topology.hosts.api == "api.localhost" && topology.demo)
    #expect(topology.machines == ["local"])
    #expect(topology.routers[0].httpPort == 8080)
    guard case .simulator(let simulator) = topology.graph else {
      Issue.record("the simulator is asked for")
      return
    }
    #expect(simulator.numbers == 8 && simulator.acceptsUnknownTemplates)
  }

  @Test(arguments: [
    ("version: 1", "version: 2", "configuration_out_of_range", 1, 10),
    ("id: c2", "id: c1", "configuration_duplicate", 7, 10),
    ("region: eu", "regoin: eu", "configuration_unknown_key", 7, 14),
    ("8080", "eighty", "configuration_wrong_type", 4, 25),
    ("8080", "70000", "configuration_out_of_range", 4, 25),
    ("id: c1", "id: a/b", "configuration_out_of_range", 6, 10),
    ("numbers: 8", "numbers: 3", "configuration_out_of_range", 9, 24),
    ("demo: true", "demo: maybe", "configuration_wrong_type", 10, 7),
    ("numbers: 8", "unknown_templates: x", "configuration_out_of_range", 9, 34),
    ("{id: plane}", "plane", "configuration_wrong_type", 2, 16),
    ("{id: r1, http_port: 8080}", "r1", "configuration_wrong_type", 4, 5),
    ("id: r1, ", "", "configuration_missing_key", 4, 5),
    ("graph:", "grapf:", "configuration_unknown_key", 8, 1),
    ("- {id: c1}", "- {id: c1", "configuration_syntax", 7, 5),
  ])
  func `a wrong file is refused with line, column and a stable code`(
    _ from: String, _ to: String, _ code: String, _ line: Int, _ column: Int
  ) {
    do {
      _ = try Topology(
        yaml: Self.good.replacing(from, with: to, maxReplacements: 1), file: "t.yaml")
      Issue.record("accepted \(to)")
    } catch {
      #expect(error.code.rawValue == code)
      #expect(error.line == line)
      #expect(error.column == column)
      #expect(error.failure.detail.hasPrefix("t.yaml:\(line):\(column): "))
      #expect(error.failure.exitCode == .usage)
    }
  }

  @Test func `two processes cannot share a port of one host`() {
    let yaml = Self.good.replacing("{id: plane}", with: "{id: plane, port: 8080}")
    #expect { try Topology(yaml: yaml, file: "t") } throws: {
      ($0 as? ConfigurationError)?.code == .duplicate
    }
  }

  @Test(arguments: ["", "[]", "a: b: c", "\t", "- 1", "version: 1\nversion: 1"])
  func `what is no topology at all is refused too`(_ yaml: String) {
    #expect(throws: ConfigurationError.self) { try Topology(yaml: yaml, file: "t") }
  }

  @Test func `every process gets ports of its own and the addresses of the others`() throws {
    let topology = try Topology(yaml: Self.good, file: "t")
    var ports = PortPlan(free: Array(20_000..<20_000 + PortPlan.wanted(by: topology)))
    let plan = DeploymentPlan(
      topology, machine: "local", dataDirectory: "/d", secrets: .sample, ports: &ports,
      httpPort: 0, outsideGraph: nil)
    #expect(plan.processes.map(\.id) == ["graph", "plane", "r1", "c1", "c2"])
    let urls = plan.processes.map(\.healthURL)
    #expect(Set(urls).count == urls.count)
    let cell = plan.processes[3].configuration
    #expect(cell["graph_url"]?.string == plan.simulatorURL)
    #expect(cell["control_plane"]?.string == plan.controlPlaneAddress)
    #expect(cell["listen"] == cell["advertise"])
    let url = try #require(plan.url)
    #expect(url == "http://127.0.0.1:\(plan.routerPort)")
    #expect(plan.webhookURL == "\(url)/webhooks/whatsapp/default")
  }

  @Test func `an outside Graph takes the simulator's place`() throws {
    let topology = try Topology(yaml: Self.good, file: "t")
    var ports = PortPlan(free: Array(20_000..<20_020))
    let plan = DeploymentPlan(
      topology, machine: "local", dataDirectory: "/d", secrets: .sample, ports: &ports,
      httpPort: nil, outsideGraph: "http://graph.test")
    #expect(plan.simulatorURL == nil && plan.graphURL == "http://graph.test")
    #expect(!plan.processes.contains { $0.role == .graphSimulator })
    #expect(plan.routerPort == 8080)
  }
}

extension LocalSecrets {
  static let sample = LocalSecrets(
    deploymentKeyFile: "/k/d", sealingKeyFile: "/k/s", deploymentKey: [], graphToken: "g",
    appSecret: "a", verifyToken: "v", adminToken: nil)
}
