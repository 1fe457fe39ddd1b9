import Storage
import Testing
import Wire

@Suite("Modes of a cell's tenants") struct DurabilityModesTests {
  private let one = TenantID(trusted: "t1")
  private let other = TenantID(trusted: "t2")
  private let cellStore = TenantID(trusted: "_cell")

  @Test func `a tenant that waits for followers makes the cell's own store wait too`() {
    let modes = DurabilityModes(cell: .local)
    #expect(modes.mode(of: cellStore) == .local && !modes.isAnyFollower)
    modes.set(.follower, for: one)
    #expect(modes.mode(of: one) == .follower && modes.mode(of: other) == .local)
    #expect(modes.mode(of: cellStore) == .follower)
    #expect(modes.isAnyFollower && modes.isAnyLocal && modes.strict == [one])
    modes.set(nil, for: one)
    #expect(modes.mode(of: one) == .local && modes.mode(of: cellStore) == .local)
    #expect(!modes.isAnyFollower && modes.strict.isEmpty)
  }

  @Test func `a tenant in local mode does not loosen the cell's own store`() {
    let modes = DurabilityModes(cell: .follower)
    modes.set(.local, for: one)
    #expect(modes.mode(of: one) == .local && modes.mode(of: other) == .follower)
    #expect(modes.mode(of: cellStore) == .follower)
    #expect(modes.isAnyFollower && modes.isAnyLocal && modes.strict.isEmpty)
  }

  @Test func `who has gone asks for nothing any more`() {
    let modes = DurabilityModes(cell: .local)
    modes.set(.follower, for: one)
    modes.set(.local, for: other)
    modes.drop { $0 == one }
    #expect(modes.own(of: one) == nil && modes.own(of: other) == .local)
    #expect(!modes.isAnyFollower && modes.strict.isEmpty)
  }
}
