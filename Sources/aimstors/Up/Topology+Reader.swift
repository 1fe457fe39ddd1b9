extension Topology {
  /// The machine of processes that name none.
  static let defaultMachine = "local"

  /// Reads a topology file.
  ///
  /// Every error says line and column, and has a stable code.
  init(yaml: String, file: String) throws(ConfigurationError) {
    guard yaml.utf8.count <= Limits.fileBytes else {
      throw ConfigurationError(
        code: .outOfRange, file: file, line: 1, column: 1,
        reason: "the file is longer than \(Limits.fileBytes) bytes")
    }
    let root = try ConfigurationNode(yaml: yaml, file: file)
    try root.allow([
      "version", "name", "region", "domain", "control_plane", "cells", "routers", "graph", "tls",
      "archive", "mail", "demo",
    ])
    guard try root.integer("version", in: 0...Int.max, default: 0) == 1 else {
      throw root.error(.outOfRange, "version", "must be 1: this release reads no other")
    }
    name = try root.string("name", default: "local")
    region = try Self.identifier(root, "region", default: "local")
    hosts = Hosts(domain: try root.string("domain", default: "localhost").lowercased())
    controlPlane = try Self.controlPlane(try root.requiredChild("control_plane"))
    let region = self.region
    var cells: [Cell] = []
    for node in try root.children("cells", count: Limits.cells) {
      cells.append(try Self.cell(node, region: region))
    }
    var routers: [Router] = []
    for node in try root.children("routers", count: Limits.routers) {
      routers.append(try Self.router(node))
    }
    self.cells = cells
    self.routers = routers
    graph = try Self.graph(try root.requiredChild("graph"))
    tls = try root.child("tls").map { (node) throws(ConfigurationError) -> TLS in
      try node.allow(["authority", "certificate_and_key"])
      return TLS(
        authority: try node.string("authority"),
        certificateAndKey: try node.string("certificate_and_key"))
    }
    archive = try root.child("archive").map { (node) throws(ConfigurationError) in
      try ArchiveSettings(node)
    }
    mail = try root.child("mail").map { (node) throws(ConfigurationError) in
      try MailSettings(node)
    }
    demo = try root.flag("demo", default: false)
    try Self.checkNames(root, self)
    try Self.checkPorts(root, self)
  }

  private static func controlPlane(
    _ node: ConfigurationNode
  ) throws(ConfigurationError) -> ControlPlane {
    try node.allow(["id", "machine", "host", "port", "publish_port", "health_port"])
    return ControlPlane(
      id: try identifier(node, "id", default: "control-plane"),
      machine: try identifier(node, "machine", default: defaultMachine),
      host: try node.string("host", default: "127.0.0.1"), port: try port(node, "port"),
      publishPort: try port(node, "publish_port"), healthPort: try port(node, "health_port"))
  }

  private static func cell(
    _ node: ConfigurationNode, region: String
  ) throws(ConfigurationError) -> Cell {
    try node.allow([
      "id", "machine", "region", "host", "port", "publish_port", "health_port", "followers",
      "mode", "on_lost_follower", "ack_deadline_ms", "limits",
    ])
    var followers: [Follower] = []
    if node.contains("followers") {
      for child in try node.children("followers", count: Limits.followers) {
        followers.append(try follower(child))
      }
    }
    let mode = try node.choice("mode", of: ["local", "follower"])
    guard mode == "local" || !followers.isEmpty else {
      throw node.error(.outOfRange, "mode", "follower needs followers")
    }
    return Cell(
      id: try identifier(node, "id"),
      machine: try identifier(node, "machine", default: defaultMachine),
      region: try identifier(node, "region", default: region),
      host: try node.string("host", default: "127.0.0.1"), port: try port(node, "port"),
      publishPort: try port(node, "publish_port"), healthPort: try port(node, "health_port"),
      followers: followers, mode: mode,
      onLostFollower: try node.choice("on_lost_follower", of: ["degrade", "fail"]),
      ackDeadlineMilliseconds: try node.integer(
        "ack_deadline_ms", in: Limits.ackDeadlineMilliseconds, default: 5_000),
      limits: try limits(node))
  }

  private static func limits(
    _ node: ConfigurationNode
  ) throws(ConfigurationError) -> ProcessLimits {
    var limits = ProcessLimits()
    guard let node = try node.child("limits") else { return limits }
    try node.allow(["memory_mb", "cpu_percent", "open_files"])
    if node.contains("memory_mb") {
      limits.memoryMegabytes = try node.integer(
        "memory_mb", in: Limits.memoryMegabytes, default: 0)
    }
    if node.contains("cpu_percent") {
      limits.cpuPercent = try node.integer("cpu_percent", in: Limits.cpuPercent, default: 0)
    }
    limits.openFiles = try node.integer(
      "open_files", in: Limits.openFiles, default: limits.openFiles)
    return limits
  }

  private static func follower(
    _ node: ConfigurationNode
  ) throws(ConfigurationError) -> Follower {
    try node.allow(["id", "machine", "host", "port", "health_port"])
    return Follower(
      id: try identifier(node, "id"),
      machine: try identifier(node, "machine", default: defaultMachine),
      host: try node.string("host", default: "127.0.0.1"), port: try port(node, "port"),
      healthPort: try port(node, "health_port"))
  }

  private static func router(_ node: ConfigurationNode) throws(ConfigurationError) -> Router {
    try node.allow([
      "id", "machine", "http_host", "http_port", "health_port", "trusted_proxies",
      "unlimited_addresses",
    ])
    return Router(
      id: try identifier(node, "id"),
      machine: try identifier(node, "machine", default: defaultMachine),
      httpHost: try node.string("http_host", default: "127.0.0.1"),
      httpPort: try port(node, "http_port"), healthPort: try port(node, "health_port"),
      trustedProxies: try node.ranges("trusted_proxies"),
      unlimitedAddresses: try node.ranges("unlimited_addresses"))
  }

  private static func graph(_ node: ConfigurationNode) throws(ConfigurationError) -> Graph {
    try node.allow(["simulator", "url"])
    if node.contains("url") {
      guard !node.contains("simulator") else {
        throw node.error(.duplicate, "url", "and simulator exclude each other")
      }
      let url = try node.string("url")
      guard url.hasPrefix("https://") || url.hasPrefix("http://") else {
        throw node.error(.wrongType, "url", "must begin with https:// or http://")
      }
      return .outside(url: url)
    }
    let simulator = try node.requiredChild("simulator")
    try simulator.allow(["id", "machine", "port", "numbers", "unknown_templates"])
    return .simulator(
      Simulator(
        id: try identifier(simulator, "id", default: "graph"),
        machine: try identifier(simulator, "machine", default: defaultMachine),
        port: try port(simulator, "port"),
        numbers: try simulator.integer("numbers", in: Limits.simulatedNumbers, default: 12),
        acceptsUnknownTemplates: try simulator.acceptsUnknownTemplates()))
  }

  private static func port(
    _ node: ConfigurationNode, _ key: String
  ) throws(ConfigurationError) -> Int {
    try node.integer(key, in: Limits.port, default: 0)
  }

  /// 1 to 64 of a-z A-Z 0-9 _ -: it becomes a directory's name.
  private static func identifier(
    _ node: ConfigurationNode, _ key: String, default fallback: String? = nil
  ) throws(ConfigurationError) -> String {
    if let fallback, !node.contains(key) { return fallback }
    let text = try node.string(key)
    guard (1...64).contains(text.utf8.count),
      text.utf8.allSatisfy({
        (97...122).contains($0) || (65...90).contains($0) || (48...57).contains($0) || $0 == 45
          || $0 == 95
      })
    else { throw node.error(.outOfRange, key, "must be 1 to 64 of a-z A-Z 0-9 _ -") }
    return text
  }

  private static func checkNames(
    _ root: ConfigurationNode, _ topology: Topology
  ) throws(ConfigurationError) {
    var seen: Set<String> = [topology.controlPlane.id]
    for node in try root.children("cells", count: Limits.cells)
      + root.children("routers", count: Limits.routers)
    {
      guard seen.insert(try node.string("id")).inserted else {
        throw node.error(.duplicate, "id", "stands twice")
      }
    }
    for follower in topology.cells.flatMap(\.followers) {
      guard seen.insert(follower.id).inserted else {
        throw root.error(.duplicate, "followers", "\(follower.id) is the id of another process")
      }
    }
    if case .simulator(let simulator) = topology.graph, seen.contains(simulator.id) {
      throw root.error(.duplicate, "graph", "has the id of another process")
    }
  }

  /// One port of one host is one process's.
  ///
  /// Port 0 is any free one.
  private static func checkPorts(
    _ root: ConfigurationNode, _ topology: Topology
  ) throws(ConfigurationError) {
    var seen: Set<String> = []
    func take(_ key: String, _ host: String, _ ports: Int...) throws(ConfigurationError) {
      for port in ports where port != 0 {
        guard seen.insert("\(host):\(port)").inserted else {
          throw root.error(.duplicate, key, "uses port \(port) of \(host) twice")
        }
      }
    }
    let plane = topology.controlPlane
    try take("control_plane", plane.host, plane.port, plane.publishPort, plane.healthPort)
    for cell in topology.cells {
      try take("cells", cell.host, cell.port, cell.publishPort, cell.healthPort)
    }
    for follower in topology.cells.flatMap(\.followers) {
      try take("followers", follower.host, follower.port, follower.healthPort)
    }
    for router in topology.routers {
      try take("routers", router.httpHost, router.httpPort, router.healthPort)
    }
  }
}

extension ConfigurationNode {
  /// Reads one of a few words; the first where nothing is said.
  func choice(_ key: String, of words: [String]) throws(ConfigurationError) -> String {
    let word = try string(key, default: words[0])
    guard words.contains(word) else {
      throw error(.outOfRange, key, "must be \(words.joined(separator: " or "))")
    }
    return word
  }

  /// Reads `unknown_templates: accept | refuse`; accepted where nothing is said.
  func acceptsUnknownTemplates() throws(ConfigurationError) -> Bool {
    switch try string("unknown_templates", default: "accept") {
    case "accept": return true
    case "refuse": return false
    default: throw error(.outOfRange, "unknown_templates", "must be accept or refuse")
    }
  }
}
