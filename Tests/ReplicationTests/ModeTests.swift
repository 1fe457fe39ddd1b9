import Storage
import Testing
import Wire

@testable import Cell

@Suite("Modes of a cell's tenants") struct ModeTests {
  @Test func `a tenant that waits for followers makes the cell's own store wait too`() {
    let tenant = TenantID(trusted: "t1")
    let mixed = ReplicationConfiguration(
      replica: "a", peers: [], mode: .local, tenantModes: [tenant: .follower])
    #expect(mixed.gate(asked: []).tenantModes == [tenant: .follower, .cellStore: .follower])
    let plain = ReplicationConfiguration(
      replica: "a", peers: [], mode: .follower, tenantModes: [tenant: .local])
    #expect(plain.gate(asked: []).tenantModes == [tenant: .local])
  }
}
