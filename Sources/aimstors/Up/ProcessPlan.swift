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

  /// How many ports a topology leaves open at most.
  static func wanted(by topology: Topology) -> Int {
    4 + 3 * topology.cells.count + 2 * topology.routers.count
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
  /// Where clients reach this machine's first router.
  let url: String
  let routerPort: Int
  /// The HTTP ports of this machine's routers.
  let routerPorts: [Int]
  let controlPlaneAddress: String
  /// Nil with an outside Graph.
  let simulatorURL: String?
  let graphURL: String
  let webhookURL: String

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
      basic.with("id", JSON(id)).with("tls", topology.tls.map { Self.tls($0, id) })
    }

    let routers = topology.routers.filter { $0.machine == machine }
    let routerPorts = routers.enumerated().map { index, router in
      ports.take(index == 0 ? httpPort ?? router.httpPort : router.httpPort)
    }
    self.routerPorts = routerPorts
    routerPort = routerPorts.first ?? 0
    url = "http://127.0.0.1:\(routerPort)"
    webhookURL = "\(url)/webhooks/whatsapp/\(LocalSecrets.appName)"

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
            .with("domain", JSON(topology.hosts.domain))))
    }
    for cell in topology.cells {
      let replicas = Self.replicas(cell, scheme, &ports)
      let publish = "\(scheme)://\(cell.host):\(ports.take(cell.publishPort))"
      for replica in replicas where replica.machine == machine {
        let directory = "\(dataDirectory)/cells/\(replica.id)"
        processes.append(
          ProcessPlan(
            role: replica.id == cell.id ? .cell : .follower, id: replica.id,
            dataDirectory: directory, healthURL: "http://127.0.0.1:\(replica.healthPort)",
            configuration: common(replica.id).with("region", JSON(cell.region))
              .with("data_directory", JSON(directory)).with("listen", JSON(replica.address))
              .with("advertise", JSON(replica.address)).with("graph_url", JSON(graphURL))
              .with("health_port", JSON(replica.healthPort))
              .with("releases", JSON(dataDirectory + "/releases"))
              .with("mail", topology.mail?.json)
              .with("publish", replica.id == cell.id ? JSON(publish) : nil)
              .with("replication", Self.replication(cell, replica.id, replicas))
              .with(
                "archive",
                topology.archive?.json(
                  keyFile: secrets.archiveKeyFile, dataDirectory: dataDirectory))))
      }
    }
    self.processes = processes
  }

  private struct Replica {
    let id: String
    let machine: String
    let address: String
    let healthPort: Int
  }

  /// The cell's own process and its followers, each with its ports.
  private static func replicas(
    _ cell: Topology.Cell, _ scheme: String, _ ports: inout PortPlan
  ) -> [Replica] {
    let own = Topology.Follower(
      id: cell.id, machine: cell.machine, host: cell.host, port: cell.port,
      healthPort: cell.healthPort)
    var replicas: [Replica] = []
    for one in [own] + cell.followers {
      let port = ports.take(one.port)
      replicas.append(
        Replica(
          id: one.id, machine: one.machine, address: "\(scheme)://\(one.host):\(port)",
          healthPort: ports.take(one.healthPort)))
    }
    return replicas
  }

  /// What each replica is told of the others; nil for a cell with one copy.
  private static func replication(
    _ cell: Topology.Cell, _ id: String, _ replicas: [Replica]
  ) -> JSON? {
    guard !cell.followers.isEmpty else { return nil }
    return [
      "cell": JSON(cell.id), "mode": JSON(cell.mode),
      "on_lost_follower": JSON(cell.onLostFollower),
      "ack_deadline_ms": JSON(cell.ackDeadlineMilliseconds),
      "tenant_modes": .array(
        cell.tenantModes.sorted { $0.key < $1.key }.map {
          ["tenant": JSON($0.key), "mode": JSON($0.value)]
        }),
      "peers": .array(
        replicas.filter { $0.id != id }.map {
          ["replica": JSON($0.id), "address": JSON($0.address)]
        }),
    ]
  }

  private static func tls(_ tls: Topology.TLS, _ id: String) -> JSON {
    [
      "authority": JSON(tls.authority),
      "certificate_and_key": JSON(tls.certificateAndKey.replacing("{id}", with: id)),
    ]
  }
}
