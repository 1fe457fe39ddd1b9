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

  @Test func `a tenant that waits for followers is not made before one is asked`() async throws {
    let store = try store()
    let modes = DurabilityModes(cell: .local)
    let isAsked = Mutex(false)
    let directives = Directives(
      store: store, cell: CellID(trusted: "a"), region: RegionID(trusted: "eu"), modes: modes,
      untilAsked: {
        // By then the mode is in force: that is what has somebody asked.
        #expect(modes.isAnyFollower)
        return isAsked.withLock { $0 }
      })
    let made = Mutex(0)
    let provisioning = Provisioning(
      store: store, directives: directives,
      create: { (_, _) throws(Failure) in
        made.withLock { $0 += 1 }
        throw Failure(.shuttingDown, "far enough")
      }, wake: { _ in }, wakeAll: {})
    var profile = Aimstors_ProtoTenantProfile()
    profile.tenant = tenant.rawValue
    profile.currency = "EUR"
    profile.state = "active"
    profile.epoch = 1
    profile.durability = "follower"
    func code() async -> FailureCode? {
      do throws(Failure) {
        try await provisioning.provision(profile, trace: "")
        return nil
      } catch {
        return error.code
      }
    }
    #expect(await code() == .followerMissing)
    // Another try is no more easily content.
    #expect(await code() == .followerMissing)
    #expect(made.withLock { $0 } == 0)
    isAsked.withLock { $0 = true }
    #expect(await code() == .shuttingDown)
    #expect(made.withLock { $0 } == 1)
  }
}
