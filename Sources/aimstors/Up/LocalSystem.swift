import GraphSimulator
import Platform
import UnixSignals
import Wire

/// One run of `up`: starts, seeds, describes, keeps alive, stops.
struct LocalSystem {
  let topology: Topology
  let machine: String
  let environment: Environment
  let showSecrets: Bool
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
      environment: Self.environmentOfChildren(environment), clock: LiveBootClock())
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

  /// In whose name `up` asks is no child's business.
  private static func environmentOfChildren(_ environment: Environment) -> [String: String] {
    environment.variables.filter { $0.key != "AIMSTORS_ADMIN_TOKEN" }
      .merging(["AIMSTORS_SUPERVISED": "1"]) { $1 }
  }

  // MARK: Starting

  /// What runs after the start, and what does not yet.
  private struct Begun {
    /// Ready cells that may join.
    var cells: [String] = []
    var added: Set<CellID> = []
    /// Not ready.
    var away: [ProcessPlan] = []
    /// Cells that begin anew, and wait for the control plane.
    var later: [ProcessPlan] = []
    /// The control plane is on this machine, and waits for somebody to act.
    var isPlaneAway = false
    /// The control plane is on this machine and begins anew: nothing may be missing in the end.
    var isFirst = false

    var isWaiting: Bool { isPlaneAway || !later.isEmpty }
  }

  /// Starts everything in order, then watches until it is cancelled.
  private func start(_ directory: String, _ supervisor: Supervisor) async throws(CommandFailure) {
    let secrets = try LocalSecrets(
      directory: directory, environment: environment, random: random)
    var ports = PortPlan(free: try Ports.free(PortPlan.wanted(by: topology)))
    let plan = DeploymentPlan(
      topology, machine: machine, dataDirectory: directory, secrets: secrets, ports: &ports,
      httpPort: try httpPort(), outsideGraph: environment["AIMSTORS_GRAPH_URL"])
    try Ports.require(plan.routerPorts)
    let bootstrap = Bootstrap(
      access: try access(plan, secrets), adminHost: topology.hosts.admin, secrets: secrets,
      directory: directory)
    let tokens = CellTokens(bootstrap: bootstrap, notes: JoinNotes())
    let addedCells = AddedCellRounds(
      added: AddedCells(dataDirectory: directory), planner: plan.cells, tokens: tokens,
      supervisor: supervisor, clock: LiveBootClock())
    let begun = try await startProcesses(plan, tokens, addedCells, supervisor)
    async let noting: Void = tokens.notes.watch(supervisor)

    let things = FirstThings(
      topology: topology, plan: plan, secrets: secrets, directory: directory,
      isAppGiven: environment["AIMSTORS_META_APP_SECRET"] != nil
        || environment["AIMSTORS_META_VERIFY_TOKEN"] != nil, bootstrap: bootstrap,
      notes: tokens.notes, supervisor: supervisor)
    let isDone: Bool
    if begun.isFirst {
      do throws(BootstrapFailure) { try await things.make(begun.cells) } catch {
        throw error.failure
      }
      isDone = true
    } else {
      isDone = begun.isWaiting ? false : await make(things, begun.cells)
    }
    // Also where the control plane is still waited for: `aimstors status` reads it.
    let demo = try things.knownDemo() ?? []
    let token = await bootstrap.shownToken
    let head = LocalHead(self.head(plan, secrets, token, demo, bootstrap.url))
    try await describe(directory, head, supervisor)
    Announcement(url: plan.url ?? bootstrap.url, hosts: topology.hosts, directory: directory)
      .print()
    if showSecrets { Console.out(head.json.serialized()) }
    // Beside the watch: what they wait for may be what the watch starts again.
    async let rest: Void = goOn(
      isDone ? nil : things, tokens, addedCells, begun, head, supervisor)
    try await watch(directory, head, supervisor, away: begun.away)
    await rest
    await noting
  }

  private func access(
    _ plan: DeploymentPlan, _ secrets: LocalSecrets
  ) throws(CommandFailure) -> Result<AdminAccess, CommandFailure> {
    let given = try AdminAccess.address(environment)
    let mayMakeFirst = plan.processes.contains { $0.role == .controlPlane || $0.role == .router }
    do throws(CommandFailure) {
      return .success(
        try AdminAccess.choose(
          given: given, router: plan.url, token: environment["AIMSTORS_ADMIN_TOKEN"],
          stored: secrets.adminToken, mayMakeFirst: mayMakeFirst))
    } catch {
      return .failure(error)
    }
  }

  private func startProcesses(
    _ plan: DeploymentPlan, _ tokens: CellTokens, _ addedCells: AddedCellRounds,
    _ supervisor: Supervisor
  ) async throws(CommandFailure) -> Begun {
    let areAllNew = try tokens.notes.areAllNew(plan.processes)
    if areAllNew { _ = try tokens.bootstrap.access.get() }
    var begun = Begun()
    if let plane = plan.processes.first(where: { $0.role == .controlPlane }) {
      begun.isFirst = try tokens.notes.need(of: plane) == .token
    }
    for process in plan.processes where !process.role.isOneOfMany {
      // A router without a map on its disk waits for the control plane's.
      begun.away += try await supervisor.start([process], mayBeLate: begun.isPlaneAway).away
      begun.isPlaneAway = !begun.away.isEmpty
    }
    // An empty disk may be a lost one, too.
    begun.isFirst = begun.isFirst && !begun.isPlaneAway
    // Before the cells: a primary gives a silent follower up after seconds.
    begun.away += try await supervisor.start(plan.processes.filter { $0.role == .follower }).away
    let cells = try await tokens.fill(
      plan.processes.filter { $0.role == .cell }, isAway: begun.isPlaneAway)
    if areAllNew || begun.isFirst, let trouble = cells.troubles.first { throw trouble.failure }
    for trouble in cells.troubles { trouble.say() }
    for cell in cells.later { Console.error("\(cell.id): not started: waits for a join token") }
    begun.later = cells.later
    let added = await addedCells.found(isAway: begun.isWaiting)
    begun.added = Set(added.compactMap { CellID($0.id) })
    let starting = cells.now + cells.bare + added
    let started = try await supervisor.start(starting)
    guard starting.isEmpty || begun.isPlaneAway || started.late.count < starting.count else {
      throw CommandFailure(
        .timedOut, code: "not_ready",
        detail: "no cell is ready; see the logs in \(plan.cells.dataDirectory)/logs")
    }
    begun.away += started.away
    // In the topology's order, whoever was ready first.
    begun.cells = (cells.now + added).filter { started.ready.contains($0) }.map(\.id)
    return begun
  }

  /// Makes what a deployment needs once; answers whether nothing of it waits for the control plane.
  ///
  /// What is refused is said, and is in nobody's way.
  private func make(_ things: FirstThings, _ cells: [String]) async -> Bool {
    guard case .success = things.bootstrap.access else { return true }
    do throws(BootstrapFailure) {
      try await things.make(cells)
      return true
    } catch {
      Console.error(
        "what may be missing at the control plane is not made: \(error.failure.code): "
          + error.failure.detail)
      return !error.mayPass
    }
  }

  /// Makes the `things` that waited for the control plane, then looks after the cells that are
  /// added.
  private func goOn(
    _ things: FirstThings?, _ tokens: CellTokens, _ addedCells: AddedCellRounds, _ begun: Begun,
    _ head: LocalHead, _ supervisor: Supervisor
  ) async {
    if let things { await makeLater(things, tokens, begun, head, supervisor) }
    await addedCells.run(begun.added)
  }

  private func makeLater(
    _ things: FirstThings, _ tokens: CellTokens, _ begun: Begun, _ head: LocalHead,
    _ supervisor: Supervisor
  ) async {
    var (later, cells) = (begun.later, begun.cells)
    while !Task.isCancelled {
      if await !tokens.bootstrap.isAway() {
        do throws(CommandFailure) {
          let filled = try await tokens.fill(later, isAway: false)
          for trouble in filled.troubles { trouble.say() }
          later = filled.later
          cells += filled.now.map(\.id)
          for cell in filled.now + filled.bare { try await supervisor.add(cell) }
          let isDone = await make(things, cells)
          head.set("demo", try things.knownDemo() ?? [])
          head.set("admin_token", await tokens.bootstrap.shownToken.map { JSON($0) } ?? .null)
          if isDone, later.isEmpty { return }
        } catch {
          Console.error("\(error.code): \(error.detail)")
        }
      }
      try? await Task.sleep(for: .milliseconds(AddedCellRounds.retryMilliseconds))
    }
  }

  // MARK: Running

  /// Looks between two questions to those who were not ready at the start: they may wait for days.
  private static let patientLooks = 20

  /// Starts again what dies, and rewrites the description when it, or one of those `away` from the
  /// start, is ready.
  private func watch(
    _ directory: String, _ head: LocalHead, _ supervisor: Supervisor, away: [ProcessPlan]
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
      let isNews = head.takeChange()
      if isNews || still.count < waiting.count || !found.gone.isEmpty {
        try await describe(directory, head, supervisor)
      }
      waiting = still
      try? await Task.sleep(for: .milliseconds(Supervisor.pollMilliseconds))
    }
  }

  private func head(
    _ plan: DeploymentPlan, _ secrets: LocalSecrets, _ token: String?, _ demo: JSON,
    _ adminURL: String?
  ) -> JSON {
    let hosts = topology.hosts
    let url = plan.url ?? adminURL
    let numbers = topology.simulatedNumbers
    let free =
      plan.simulatorURL == nil ? [] : Array(numbers.dropFirst(topology.demo ? DemoSeeder.count : 0))
    return [
      "version": JSON(Build.version), "url": url.map { JSON($0) } ?? .null,
      "hosts": ["app": JSON(hosts.app), "api": JSON(hosts.api), "admin": JSON(hosts.admin)],
      "admin_token": token.map { JSON($0) } ?? .null, "graph_url": JSON(plan.graphURL),
      "graph_token": JSON(secrets.graphToken),
      "meta_app": [
        "name": JSON(LocalSecrets.appName), "app_secret": JSON(secrets.appSecret),
        "verify_token": JSON(secrets.verifyToken), "webhook_url": JSON(plan.webhookURL),
      ],
      "phone_numbers": .array(free), "demo": demo, "takes_cells": .bool(topology.takesMoreCells),
    ]
  }

  private func describe(
    _ directory: String, _ head: LocalHead, _ supervisor: Supervisor
  ) async throws(CommandFailure) {
    let description = head.json.with("processes", await supervisor.description())
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
