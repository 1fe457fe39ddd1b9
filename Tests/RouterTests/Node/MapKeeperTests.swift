import Messaging
import Simulation
import Testing
import Wire

@testable import Router

@Suite("Map keeper") struct MapKeeperTests {
  private let chunk = TestMap.chunk(
    tenants: [("acme", "a", 1)], cells: [("a", "tcp://a:7100"), ("b", "tcp://b:7100")])

  private func network() -> InMemoryNetwork {
    InMemoryNetwork(random: SeededRandomSource(seed: 9))
  }

  @Test func `a router starts from its file with the control plane dead`() async throws {
    let disk = SimulatedDisk()
    let network = network()
    let cell = try await FakeCell("a", network)
    do {
      let control = try await FakeControlPlane(network, chunk)
      let first = try RouterHarness(network: network, disk: disk)
      try await first.connect()
      first.node.keeper.save()
      await control.messenger.close()
      await first.messenger.close()
    }
    // What was renamed into place has survived a loss of power.
    disk.losePower(.lost)
    let second = try RouterHarness(network: network, disk: disk)
    #expect(!second.node.report().ready)
    second.node.keeper.load()
    #expect(second.node.report().ready)
    #expect(second.node.report().problems.map(\.code) == ["map_stale"])
    #expect(try await second.call().body == "from a")
    #expect(cell.requests.count == 1)
  }

  @Test func `what was learned is in the file, though nobody answers any more`() async throws {
    let disk = SimulatedDisk()
    let network = network()
    var limits = RouterLimits()
    // It asks, and waits for the whole test.
    limits.mapRequestTime = .seconds(3_600)
    let control = try await FakeControlPlane(network, chunk)
    let first = try RouterHarness(network: network, disk: disk, limits: limits)
    try await first.connect()
    network.silence("control", "router")
    let running = Task { try await first.node.keeper.run() }
    let second = try RouterHarness(network: network, disk: disk)
    while !second.node.report().ready {
      second.node.keeper.load()
      try await Task.sleep(for: .milliseconds(5))
    }
    running.cancel()
    await control.messenger.close()
    await first.messenger.close()
    _ = try? await running.value
  }

  @Test func `a damaged file is told, and the control plane's map replaces it`() async throws {
    let disk = SimulatedDisk()
    let network = network()
    do {
      let control = try await FakeControlPlane(network, chunk)
      let first = try RouterHarness(network: network, disk: disk)
      try await first.connect()
      first.node.keeper.save()
      await control.messenger.close()
    }
    disk.edit("/router/map") { $0[$0.count / 2] ^= 1 }
    let router = try RouterHarness(network: network, disk: disk)
    router.node.keeper.load()
    #expect(!(await router.node.keeper.refresh()))
    #expect(!router.node.report().ready)
    #expect(router.node.report().problems.map(\.code) == ["map_corrupt"])
    let refused = try await router.call()
    #expect(refused.status == 503)
    #expect(refused.body.contains("\"recovering\""))
    _ = try await FakeControlPlane(network, chunk)
    try await router.connect()
    #expect(router.node.report().ready)
    #expect(router.node.report().problems.isEmpty)
    router.node.keeper.save()
    let third = try RouterHarness(network: network, disk: disk)
    third.node.keeper.load()
    #expect(third.node.report().ready)
  }

  @Test func `the file is sealed: it tells nothing, and another key or a change is told`()
    async throws
  {
    let disk = SimulatedDisk()
    let network = network()
    let key = [UInt8](repeating: 7, count: 32)
    _ = try await FakeControlPlane(network, chunk)
    // A file from before there was a seal is read, and sealed when it is written next.
    let clear = try RouterHarness(network: network, disk: disk)
    try await clear.connect()
    clear.node.keeper.save()
    func content() -> String {
      var bytes: [UInt8] = []
      disk.edit("/router/map") { bytes = $0 }
      return String(decoding: bytes, as: UTF8.self)
    }
    #expect(content().contains("tcp://a:7100"))
    let sealed = try RouterHarness(network: network, disk: disk, mapKey: key)
    sealed.node.keeper.load()
    #expect(sealed.node.report().ready)
    sealed.node.keeper.save()
    #expect(!content().contains("tcp://a:7100"))
    let again = try RouterHarness(network: network, disk: disk, mapKey: key)
    again.node.keeper.load()
    #expect(again.node.report().ready)
    for other in [[UInt8](repeating: 8, count: 32), nil] {
      let router = try RouterHarness(network: network, disk: disk, mapKey: other)
      router.node.keeper.load()
      #expect(router.node.report().problems.map(\.code) == ["map_corrupt"])
    }
    disk.edit("/router/map") { $0[$0.count - 1] ^= 1 }
    let changed = try RouterHarness(network: network, disk: disk, mapKey: key)
    changed.node.keeper.load()
    #expect(changed.node.report().problems.map(\.code) == ["map_corrupt"])
  }

  @Test func `without file and control plane the router is not ready`() async throws {
    let router = try RouterHarness(network: network())
    router.node.keeper.load()
    #expect(!(await router.node.keeper.refresh()))
    #expect(router.node.report().problems.map(\.code) == ["map_missing"])
    #expect(!router.node.report().ready)
  }

  @Test func `publications arrive, and a lost one is repaired by comparison`() async throws {
    let network = network()
    let control = try await FakeControlPlane(network, chunk)
    let router = try RouterHarness(network: network)
    let keeper = router.node.keeper
    let acme = TenantID(trusted: "acme")
    let running = Task { try await keeper.run() }
    while keeper.route(of: acme) == nil { await Task.yield() }
    control.serve(2, TestMap.chunk(tenants: [("acme", "b", 2)]))
    try await control.publish()
    while keeper.route(of: acme)?.placement.epoch != Epoch(2) { await Task.yield() }
    #expect(keeper.route(of: acme)?.cell.id == CellID(trusted: "b"))
    control.serve(3, TestMap.chunk(tenants: [("acme", "a", 3)]))
    #expect(await keeper.refresh())
    #expect(keeper.route(of: acme)?.placement.epoch == Epoch(3))
    running.cancel()
    _ = try? await running.value
  }
}
