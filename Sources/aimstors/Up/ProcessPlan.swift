import Edge
import GraphSimulator

/// One child of `up`: what it is told, and where it is seen.
struct ProcessPlan: Hashable {
  enum Role: String {
    case controlPlane = "control_plane"
    case cell
    case follower
    case router
    case graphSimulator = "graph_simulator"

    /// Whether the rest of a deployment works without it.
    var isOneOfMany: Bool { self == .cell || self == .follower }

    /// Whether the others are started while it waits for somebody to act.
    ///
    /// A control plane that has lost its disk issues nothing; tenants are served meanwhile.
    var mayWait: Bool { isOneOfMany || self == .controlPlane }

    /// The subcommand that runs it.
    var command: [String] {
      switch self {
      case .controlPlane: ["control-plane"]
      case .cell: ["cell", "run"]
      case .follower: ["follower"]
      case .router: ["router"]
      case .graphSimulator: ["graph-simulator"]
      }
    }
  }

  let role: Role
  let id: String
  let dataDirectory: String
  let healthURL: String
  /// The content of its configuration file.
  var configuration: JSON
}

/// The ports of one run: the topology's, and free ones where it says 0.
struct PortPlan: Hashable {
  private var free: [Int]
  private var next = 0

  init(free: [Int]) { self.free = free }

  /// What a cell's own process listens at.
  static let perCell = 3

  /// How many ports a topology leaves open at most.
  static func wanted(by topology: Topology) -> Int {
    4 + perCell * topology.cells.count + 2 * topology.routers.count
      + 2 * topology.cells.reduce(0) { $0 + $1.followers.count }
  }

  mutating func take(_ port: Int) -> Int {
    guard port == 0 else { return port }
    precondition(next < free.count, "more ports are wanted than were found")
    next += 1
    return free[next - 1]
  }
}

/// Everything that `up` starts on one machine, in the order of starting.
struct DeploymentPlan {
  let processes: [ProcessPlan]
  /// Where this machine's first router is reached; nil where it has none.
  let url: String?
  let routerPort: Int
  /// The HTTP ports of this machine's routers.
  let routerPorts: [Int]
  let controlPlaneAddress: String
  /// Nil with an outside Graph.
  let simulatorURL: String?
  let graphURL: String
  let webhookURL: String
  /// What cells are told, also those that come later.
  let cells: CellPlanner

  init(
    _ topology: Topology, machine: String, dataDirectory: String, secrets: LocalSecrets,
    ports: inout PortPlan, httpPort: Int?, outsideGraph: String?
  ) {
    let plane = topology.controlPlane
    let scheme = topology.tls == nil ? "tcp" : "tls+tcp"
    let planePort = ports.take(plane.port)
    let publishPort = ports.take(plane.publishPort)
    let planeAddress = "\(scheme)://\(plane.host):\(planePort)"
    let publishAddress = "\(scheme)://\(plane.host):\(publishPort)"
    controlPlaneAddress = planeAddress
    let basic: JSON = [
      "version": JSON(Build.version), "deployment_key_file": JSON(secrets.deploymentKeyFile),
      "key_file": JSON(secrets.sealingKeyFile), "control_plane": JSON(planeAddress),
      "control_plane_publications": JSON(publishAddress),
    ]
    func common(_ id: String) -> JSON {
      basic.with("id", JSON(id)).with("tls", topology.tls?.json(of: id))
    }

    let routers = topology.routers.filter { $0.machine == machine }
    let routerPorts = routers.enumerated().map { index, router in
      ports.take(index == 0 ? httpPort ?? router.httpPort : router.httpPort)
    }
    self.routerPorts = routerPorts
    let routerPort = routerPorts.first ?? 0
    self.routerPort = routerPort
    url = routers.first?.url(port: routerPort)
    // Without a router here, another machine's, whose port is fixed.
    let webhooks = url ?? topology.routers.first.map { $0.url(port: $0.httpPort) } ?? ""
    webhookURL = "\(webhooks)/webhooks/whatsapp/\(LocalSecrets.appName)"

    var processes: [ProcessPlan] = []
    var simulatorURL: String?
    var graphURL = outsideGraph ?? ""
    switch topology.graph {
    case .outside(let url): if outsideGraph == nil { graphURL = url }
    case .simulator(let simulator):
      guard outsideGraph == nil else { break }
      let port = ports.take(simulator.port)
      graphURL = "http://127.0.0.1:\(port)"
      guard simulator.machine == machine else { break }
      simulatorURL = graphURL
      processes.append(
        ProcessPlan(
          role: .graphSimulator, id: simulator.id, dataDirectory: "", healthURL: graphURL,
          configuration: [
            "id": JSON(simulator.id), "version": JSON(Build.version), "port": JSON(port),
            "numbers": JSON(simulator.numbers), "token": JSON(secrets.graphToken),
            "app_secret": JSON(secrets.appSecret), "verify_token": JSON(secrets.verifyToken),
            "webhook_url": JSON(webhookURL), "webhook_host": JSON(topology.hosts.api),
            "unknown_templates": simulator.acceptsUnknownTemplates ? "accept" : "refuse",
            "templates": topology.demo ? DemoSeeder.simulatedTemplates(simulator.numbers) : [],
          ]))
    }
    self.simulatorURL = simulatorURL
    self.graphURL = graphURL

    if plane.machine == machine {
      let health = ports.take(plane.healthPort)
      processes.append(
        ProcessPlan(
          role: .controlPlane, id: plane.id, dataDirectory: dataDirectory + "/control-plane",
          healthURL: "http://127.0.0.1:\(health)",
          configuration: common(plane.id)
            .with("data_directory", JSON(dataDirectory + "/control-plane"))
            .with("listen", JSON(planeAddress)).with("publish", JSON(publishAddress))
            .with("api_url", JSON("http://\(topology.hosts.api):\(routerPort)"))
            .with("mail", topology.mail?.json)
            .with("health_port", JSON(health))
            .with(
              "archive",
              topology.archive?.json(
                keyFile: secrets.archiveKeyFile, dataDirectory: dataDirectory))))
    }
    for (router, port) in zip(routers, routerPorts) {
      let health = ports.take(router.healthPort)
      let directory = "\(dataDirectory)/routers/\(router.id)"
      processes.append(
        ProcessPlan(
          role: .router, id: router.id, dataDirectory: directory,
          healthURL: "http://127.0.0.1:\(health)",
          configuration: common(router.id)
            .with("data_directory", JSON(directory)).with("http_host", JSON(router.httpHost))
            .with("http_port", JSON(port)).with("health_port", JSON(health))
            .with("domain", JSON(topology.hosts.domain))
            .with("trusted_proxies", router.trustedProxies.map { JSON($0) })
            .with("unlimited_addresses", router.unlimitedAddresses.map { JSON($0) })))
    }
    let cells = CellPlanner(
      topology: topology, machine: machine, dataDirectory: dataDirectory, secrets: secrets,
      graphURL: graphURL, basic: basic)
    self.cells = cells
    for cell in topology.cells { processes += cells.processes(of: cell, &ports) }
    self.processes = processes
  }
}

extension JSON {
  /// Ranges as a configuration file lists them.
  fileprivate init(_ ranges: [NetworkRange]) { self = .array(ranges.map { JSON($0.text) }) }
}
