import GraphSimulator

/// What a deployment has to have once: the Meta app and, where the topology asks for them, the
/// demonstration tenants.
struct FirstThings {
  let topology: Topology
  let plan: DeploymentPlan
  let secrets: LocalSecrets
  let directory: String
  /// Whether the environment names the Meta app's secrets.
  let isAppGiven: Bool
  let bootstrap: Bootstrap
  let notes: JoinNotes
  let supervisor: Supervisor

  private var demoFile: String { directory + "/demo.json" }

  /// The demonstration tenants; nil where they are still to be made.
  func knownDemo() throws(CommandFailure) -> JSON? {
    guard topology.demo else { return [] }
    guard let bytes = try PrivateFile.read(demoFile) else { return nil }
    return try? JSON(parsing: bytes)
  }

  /// Waits until `cells` have joined, and makes what is not there.
  ///
  /// A machine without a router makes nothing: the one that has it does.
  func make(_ cells: [String]) async throws(BootstrapFailure) {
    let joined: Set<String> =
      cells.isEmpty ? [] : try await notes.wait(for: Set(cells), supervisor)
    guard let url = plan.url else { return }
    try await bootstrap.setMetaApp(isGiven: isAppGiven)
    let isMade: Bool
    do throws(CommandFailure) { isMade = try knownDemo() != nil } catch {
      throw BootstrapFailure(error, mayPass: false)
    }
    guard !isMade, !joined.isEmpty else { return }
    let demo = try await seed(cells.filter(joined.contains), apiURL: url)
    do throws(CommandFailure) { try PrivateFile.write(demo.bytes(), to: demoFile) } catch {
      throw BootstrapFailure(error, mayPass: false)
    }
  }

  private func seed(
    _ cells: [String], apiURL: String
  ) async throws(BootstrapFailure) -> JSON {
    let seeder = DemoSeeder(
      adminURL: bootstrap.url ?? apiURL, apiURL: apiURL, hosts: topology.hosts,
      adminToken: try await bootstrap.token(), graphToken: secrets.graphToken,
      region: topology.region, seed: "demo-\(secrets.verifyToken.prefix(8))")
    let numbers = topology.simulatedNumbers
    var demo: [JSON] = []
    for index in 0..<DemoSeeder.count {
      let number = plan.simulatorURL == nil ? JSON.null : numbers[index]
      demo.append(
        try await seeder.tenant(index, cell: cells[index % cells.count], number: number))
    }
    return .array(demo)
  }
}

extension Topology {
  /// The simulator's numbers; the first ones belong to the demonstration tenants.
  var simulatedNumbers: [JSON] {
    guard case .simulator(let simulator) = graph else { return [] }
    return PhoneNumber.series(simulator.numbers).map {
      ["phone_number_id": JSON($0.id), "waba_id": JSON($0.wabaID)]
    }
  }
}
