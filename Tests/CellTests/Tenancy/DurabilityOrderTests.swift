import Simulation
import Storage
import Synchronization
import Testing
import Wire

@testable import Cell

/// What becomes of a tenant's own mode by orders that come, and come late.
@Suite("Orders about durability") struct DurabilityOrderTests {
  private let tenant = TenantID(trusted: "t1")

  private func store() throws -> DirectTenants {
    let store = DirectTenants(
      schema: CellStoreSchema.schema, clock: SimulatedWallClock(),
      random: SeededRandomSource(seed: 1))
    try store.create(.cellStore)
    return store
  }

  private func entry(_ mode: DurabilityMode?, _ version: UInt64) -> DirectoryEntry {
    DirectoryEntry(
      tenant: tenant, state: .active, reason: "", changedAt: .zero, durability: mode,
      version: version)
  }

  @Test func `an order that was overtaken undoes nothing`() async throws {
    let (store, modes) = (try self.store(), DurabilityModes(cell: .local))
    let directives = Directives(
      store: store, cell: CellID(trusted: "a"), region: RegionID(trusted: "eu"), modes: modes)
    try await directives.set(entry(.follower, 7), trace: "")
    try await directives.set(entry(nil, 6), trace: "")
    #expect(modes.own(of: tenant) == .follower)
    try await directives.set(entry(nil, 8), trace: "")
    #expect(modes.own(of: tenant) == nil)
    // One from before there were versions is taken as it comes.
    try await directives.set(entry(.local, 0), trace: "")
    #expect(modes.own(of: tenant) == .local)
    let again = DurabilityModes(cell: .local)
    try await Directives(
      store: store, cell: CellID(trusted: "a"), region: RegionID(trusted: "eu"), modes: again
    ).load()
    #expect(again.own(of: tenant) == .local)
  }

  @Test func `the first that waits for followers waits until one is asked, others do not`()
    async throws
  {
    let modes = DurabilityModes(cell: .local)
    let waits = Mutex(0)
    let directives = Directives(
      store: try store(), cell: CellID(trusted: "a"),
      region: RegionID(trusted: "eu"), modes: modes,
      untilAsked: {
        // By then the mode is in force: that is what has somebody asked.
        #expect(modes.isAnyFollower)
        waits.withLock { $0 += 1 }
        return false
      })
    try await directives.set(entry(.local, 1), trace: "")
    #expect(waits.withLock { $0 } == 0)
    try await directives.set(entry(.follower, 2), trace: "")
    try await directives.set(entry(.follower, 3), trace: "")
    #expect(waits.withLock { $0 } == 1)
    let isAsked = try await directives.set(.follower, of: TenantID(trusted: "t2"))
    #expect(!isAsked)
  }
}
