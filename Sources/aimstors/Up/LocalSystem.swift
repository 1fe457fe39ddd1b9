import GraphSimulator
import Platform
import UnixSignals

/// One run of `up`: starts, seeds, describes, keeps alive, stops.
struct LocalSystem {
  let topology: Topology
  let machine: String
  let environment: Environment
  let showSecrets: Bool
  private let clock = LiveWallClock()
  private let random = LiveRandomSource()

  init(topology: Topology, machine: String, environment: Environment, showSecrets: Bool) {
    self.showSecrets = showSecrets
    self.topology = topology
    self.machine = machine
    self.environment = environment
  }

  func run() async throws {
    let directory = try Self.absolute(environment.dataDirectory)
    for part in ["", "/run", "/logs", "/keys"] { try PrivateFile.createDirectory(directory + part) }
    let lock = try DirectoryLock(directory)
    defer { withExtendedLifetime(lock) {} }
    PrivateFile.remove(LocalDescription.path(directory))

    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
    let supervisor = Supervisor(
      executable: try Self.executable(), directory: directory,
      environment: environment.variables.merging(["AIMSTORS_SUPERVISED": "1"]) { $1 },
      clock: LiveBootClock())
    let outcome = await withTaskGroup(of: Outcome.self) { group in
      group.addTask {
        for await _ in signals { return .asked }
        return .asked
      }
      group.addTask { await self.serve(directory, supervisor) }
      group.addTask {
        await supervisor.watchTrials()
        return .asked
      }
      let first = await group.next() ?? .asked
      group.cancelAll()
      return first
    }
    PrivateFile.remove(LocalDescription.path(directory))
    await supervisor.stop()
    if case .failed(let failure) = outcome { throw failure }
  }

  private enum Outcome: Sendable {
    case asked
    case failed(CommandFailure)
  }

  private func serve(_ directory: String, _ supervisor: Supervisor) async -> Outcome {
    do throws(CommandFailure) {
      try await start(directory, supervisor)
      return .asked
    } catch {
      return .failed(error)
    }
  }

  /// Starts everything in order, then watches until it is cancelled.
  private func start(_ directory: String, _ supervisor: Supervisor) async throws(CommandFailure) {
    var secrets = try LocalSecrets(
      directory: directory, environment: environment, random: random)
    var ports = PortPlan(free: try Ports.free(PortPlan.wanted(by: topology)))
    let plan = DeploymentPlan(
      topology, machine: machine, dataDirectory: directory, secrets: secrets, ports: &ports,
      httpPort: try httpPort(), outsideGraph: environment["AIMSTORS_GRAPH_URL"])
    try Ports.require(plan.routerPorts)
    var away: [ProcessPlan] = []
    for process in plan.processes where process.role != .cell {
      if try await !supervisor.start(process) { away.append(process) }
    }
    let bootstrap = Bootstrap(url: plan.url, adminHost: topology.hosts.admin)
    let admin = try await adminToken(&secrets, bootstrap, directory)
    for process in plan.processes where process.role == .cell {
      let region = process.configuration["region"]?.string ?? topology.region
      let joining = try await bootstrap.joining(process, region: region, admin: admin)
      if try await !supervisor.start(joining) { away.append(joining) }
    }
    let addedCells = AddedCellRounds(
      added: AddedCells(dataDirectory: directory), planner: plan.cells, bootstrap: bootstrap,
      admin: admin, supervisor: supervisor, clock: LiveBootClock())
    let added = await addedCells.start()
    away += added.away
    let cells = plan.processes.filter { $0.role == .cell }.map(\.id)
    let ready = cells.filter { id in !away.contains { $0.id == id } } + added.ready
    guard cells.isEmpty || !ready.isEmpty else {
      throw CommandFailure(
        .timedOut, code: "not_ready", detail: "no cell is ready; see the logs in \(directory)/logs")
    }
    let joined = try await bootstrap.waitUntilJoined(Set(ready), admin: admin)
    try await bootstrap.setMetaApp(secrets, admin: admin)
    let demo = try await seed(directory, plan, secrets, admin, cells: ready.filter(joined.contains))
    let head = head(plan, secrets, admin, demo)
    try await describe(directory, head, supervisor)
    Announcement(url: plan.url, hosts: topology.hosts, directory: directory).print()
    if showSecrets { Console.out(head.serialized()) }
    // Beside the watch: what an added cell waits for may be what the watch starts again.
    async let adding: Void = addedCells.run(added.running)
    try await watch(directory, head, supervisor, away: away)
    await adding
  }

  /// Looks between two questions to those who were not ready at the start: they may wait for days.
  private static let patientLooks = 20

  /// Starts again what dies, and rewrites the description when it, or one of those `away` from the
  /// start, is ready.
  private func watch(
    _ directory: String, _ head: JSON, _ supervisor: Supervisor, away: [ProcessPlan]
  ) async throws(CommandFailure) {
    var (waiting, looks) = (away, 0)
    while !Task.isCancelled {
      let found = try await supervisor.look()
      waiting += found.started.filter { !waiting.contains($0) }
      waiting.removeAll { found.gone.contains($0.id) }
      looks += 1
      var still: [ProcessPlan] = []
      for process in waiting {
        let isAsked = looks.isMultiple(of: Self.patientLooks) || !away.contains(process)
        if isAsked, await supervisor.isReady(process) {
          Console.out("\(process.id): ready again")
        } else {
          still.append(process)
        }
      }
      if still.count < waiting.count || !found.gone.isEmpty {
        try await describe(directory, head, supervisor)
      }
      waiting = still
      try? await Task.sleep(for: .milliseconds(Supervisor.pollMilliseconds))
    }
  }

  private func adminToken(
    _ secrets: inout LocalSecrets, _ bootstrap: Bootstrap, _ directory: String
  ) async throws(CommandFailure) -> String {
    if let token = secrets.adminToken ?? environment["AIMSTORS_ADMIN_TOKEN"] { return token }
    let token = try await bootstrap.firstOperator(
      key: secrets.deploymentKey, clock: clock, random: random)
    secrets.adminToken = token
    try secrets.save(directory)
    return token
  }

  /// The demonstration tenants; made once per data directory.
  private func seed(
    _ directory: String, _ plan: DeploymentPlan, _ secrets: LocalSecrets, _ admin: String,
    cells: [String]
  ) async throws(CommandFailure) -> JSON {
    guard topology.demo else { return [] }
    let path = directory + "/demo.json"
    if let bytes = try PrivateFile.read(path), let known = try? JSON(parsing: bytes) {
      return known
    }
    let seeder = DemoSeeder(
      url: plan.url, hosts: topology.hosts, adminToken: admin, graphToken: secrets.graphToken,
      region: topology.region, seed: "demo-\(secrets.verifyToken.prefix(8))")
    var demo: [JSON] = []
    for index in 0..<DemoSeeder.count where !cells.isEmpty {
      let number = plan.simulatorURL == nil ? JSON.null : numbers[index]
      demo.append(
        try await seeder.tenant(
          index, cell: cells[index % cells.count], number: number))
    }
    try PrivateFile.write(JSON.array(demo).bytes(), to: path)
    return .array(demo)
  }

  /// The simulator's numbers; the first ones belong to the demonstration tenants.
  private var numbers: [JSON] {
    guard case .simulator(let simulator) = topology.graph else { return [] }
    return PhoneNumber.series(simulator.numbers).map {
      ["phone_number_id": JSON($0.id), "waba_id": JSON($0.wabaID)]
    }
  }

  private func head(
    _ plan: DeploymentPlan, _ secrets: LocalSecrets, _ admin: String, _ demo: JSON
  ) -> JSON {
    let hosts = topology.hosts
    let free =
      plan.simulatorURL == nil ? [] : Array(numbers.dropFirst(topology.demo ? DemoSeeder.count : 0))
    return [
      "version": JSON(Build.version), "url": JSON(plan.url),
      "hosts": ["app": JSON(hosts.app), "api": JSON(hosts.api), "admin": JSON(hosts.admin)],
      "admin_token": JSON(admin), "graph_url": JSON(plan.graphURL),
      "graph_token": JSON(secrets.graphToken),
      "meta_app": [
        "name": JSON(LocalSecrets.appName), "app_secret": JSON(secrets.appSecret),
        "verify_token": JSON(secrets.verifyToken), "webhook_url": JSON(plan.webhookURL),
      ],
      "phone_numbers": .array(free), "demo": demo, "takes_cells": .bool(topology.takesMoreCells),
    ]
  }

  private func describe(
    _ directory: String, _ head: JSON, _ supervisor: Supervisor
  ) async throws(CommandFailure) {
    let description = head.with("processes", await supervisor.description())
    try PrivateFile.write(description.bytes(), to: LocalDescription.path(directory))
  }

  private func httpPort() throws(CommandFailure) -> Int? {
    guard let text = environment["AIMSTORS_PORT"] else { return nil }
    guard let port = Int(text), Topology.Limits.port.contains(port) else {
      throw CommandFailure(
        .usage, code: "invalid_port", detail: "AIMSTORS_PORT must be 0 to 65535")
    }
    return port
  }
}
