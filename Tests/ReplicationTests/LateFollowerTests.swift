import Messaging
import Platform
import Simulation
import Storage
import Testing
import Wire

@testable import Cell

/// For whom a move's source waits before it gives a tenant away.
@Suite("Followers that are late") struct LateFollowerTests {
  private static let limit = Duration.milliseconds(50)

  private func replication(
    _ bench: Bench, _ messenger: InMemoryMessenger, modes: [TenantID: DurabilityMode] = [:]
  ) -> Replication {
    let replication = Replication(
      ReplicationConfiguration(
        replica: "p", peers: [.init(replica: "f", address: bench.address("f"))], mode: .follower),
      cell: Bench.cell, directory: "\(bench.directory)/p",
      state: ReplicaState(role: .primary, generation: .first), messenger: messenger,
      controlPlane: Address("tcp://control:1"), archive: nil, files: LiveFileSystem(),
      clock: SimulatedWallClock(), logger: bench.log, address: { "" }, fatal: { _ in })
    for (tenant, mode) in modes { replication.modes.set(mode, for: tenant) }
    return replication
  }

  @Test func `only one that is asked for this tenant is waited for`() async throws {
    let path = "/tmp/aimstors-late-tests-\(String(LiveRandomSource().uint64(), radix: 16))"
    try LiveFileSystem().createDirectory(path)
    defer { try? FileTree.remove(path, LiveFileSystem()) }
    let bench = Bench(path)
    // It does not run.
    let (primary, messenger) = try await bench.primary("p")
    let journal = try #require(primary.journal)
    let all = replication(bench, messenger)
    let mixed = replication(bench, messenger, modes: [Bench.tenant: .local])

    // Let go of, or not yet asked.
    #expect(await all.lateFollower(of: Bench.tenant, in: journal, limit: Self.limit) == nil)
    journal.gate.require(["f"])
    #expect(await all.lateFollower(of: Bench.tenant, in: journal, limit: Self.limit) == "f")
    #expect(await mixed.lateFollower(of: Bench.tenant, in: journal, limit: Self.limit) == nil)
    let other = TenantID(trusted: "other")
    #expect(await mixed.lateFollower(of: other, in: journal, limit: Self.limit) == "f")
    await primary.close()
  }
}
