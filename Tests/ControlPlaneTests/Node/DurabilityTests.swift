import Logging
import Messaging
import Platform
import Simulation
import Storage
import Testing
import Wire

@testable import ControlPlane

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite("Control plane on the storage engine") struct DurabilityTests {
  /// A node on a real engine in `directory`, as the process makes it.
  private func start(_ directory: String, _ network: InMemoryNetwork, isNew: Bool) async throws
    -> (engine: StorageEngine, node: ControlPlaneNode, messenger: InMemoryMessenger)
  {
    let clock = SimulatedWallClock()
    let random = SeededRandomSource(seed: isNew ? 1 : 2)
    var configuration = EngineConfiguration(
      directory: directory, cell: CellID(trusted: "control-1"))
    configuration.adjustJournal = {
      $0.segmentBytes = 32 * 1_024 * 1_024
      $0.reserveBytes = 0
    }
    let engine = StorageEngine(
      configuration, clock: clock, random: random, files: LiveFileSystem(),
      schema: { _ in PlatformSchema.schema }, fatal: { _ in })
    _ = try await engine.start()
    if isNew { try await engine.create(.platformStore, epoch: .first) }
    let messenger = InMemoryMessenger(
      identity: PeerIdentity(role: .controlPlane, id: "control-1", generation: .first),
      network: network)
    let node = try ControlPlaneNode(
      configuration: ControlPlaneConfiguration(
        id: "control-1", version: "test", listen: Address("tcp://control-1:7000"),
        publish: Address("tcp://control-1:7001"), deploymentKey: Array(repeating: 7, count: 32),
        apiURL: "http://api.localhost"),
      store: engine, messenger: messenger, clock: clock, boot: SimulatedBootClock(),
      random: random, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    _ = try await node.start()
    return (engine, node, messenger)
  }

  private static func remove(_ path: String) {
    if unlink(path) == 0 { return }
    for name in (try? LiveFileSystem().list(path)) ?? [] { remove("\(path)/\(name)") }
    rmdir(path)
  }

  @Test func `what was answered is there after a restart from the journal`() async throws {
    var template = Array("/tmp/aimstors-control-XXXXXX".utf8CString)
    let directory = try #require(mkdtemp(&template).map { String(cString: $0) })
    defer { Self.remove(directory) }
    let network = InMemoryNetwork(random: SeededRandomSource(seed: 3))
    let first = try await start(directory, network, isNew: true)
    let token = try await first.node.createFirstOperator().token
    let version = await first.node.services.map.version
    try await first.node.services.store.write(trace: "") { transaction, rows in
      try rows.put(
        SendStop(
          scope: .platform, id: "all", reason: "test", since: transaction.now,
          version: try rows.raiseVersion(), isLifted: false))
      try rows.put(.follower, of: TenantID(trusted: "t1"))
      try rows.put(.local, of: TenantID(trusted: "t2"))
      try rows.put(.cell, of: TenantID(trusted: "t2"))
    }
    await first.messenger.close()
    await first.engine.close()

    let second = try await start(directory, network, isNew: false)
    let store = second.node.services.store
    #expect(try await store.read { try $0.operatorOf(tokenHash: Digests.sha256(token)) } != nil)
    #expect(try await store.read { try $0.sendStops().map(\.reason) } == ["test"])
    #expect(
      try await store.read { try $0.durabilities() } == [TenantID(trusted: "t1"): .follower])
    #expect(await second.node.services.map.version > version)
    await #expect(throws: Failure.self) { try await second.node.createFirstOperator() }
    await second.messenger.close()
    await second.engine.close()
  }
}
