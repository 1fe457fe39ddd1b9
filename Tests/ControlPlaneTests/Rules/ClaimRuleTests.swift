import Testing
import Wire

@testable import ControlPlane

@Suite("Claim rule") struct ClaimRuleTests {
  private let a = TenantID(trusted: "ta")
  private let b = TenantID(trusted: "tb")

  private func claim(_ tenant: TenantID, version: UInt64, released: Bool = false) -> KeyClaim {
    KeyClaim(
      kind: .phoneNumber, key: "1", tenant: tenant, version: version, isReleased: released)
  }

  @Test func `a free key is granted and its version rises`() {
    #expect(
      ClaimRule.claim(.phoneNumber, "1", for: a, current: nil, version: 4)
        == .write(claim(a, version: 4)))
    #expect(
      ClaimRule.claim(
        .phoneNumber, "1", for: b, current: claim(a, version: 4, released: true), version: 9)
        == .write(claim(b, version: 9)))
  }

  @Test func `a key of another tenant is refused, one's own again changes nothing`() {
    let held = claim(a, version: 4)
    #expect(
      ClaimRule.claim(.phoneNumber, "1", for: b, current: held, version: 5) == .refuse(holder: a))
    #expect(
      ClaimRule.claim(.phoneNumber, "1", for: a, current: held, version: 5) == .unchanged)
  }

  @Test func `only its holder releases a key, and the tombstone stays`() {
    let held = claim(a, version: 4)
    #expect(
      ClaimRule.release(.phoneNumber, "1", by: b, current: held, version: 5) == .unchanged)
    #expect(
      ClaimRule.release(.phoneNumber, "1", by: a, current: held, version: 5)
        == .write(claim(a, version: 5, released: true)))
    #expect(ClaimRule.release(.phoneNumber, "1", by: a, current: nil, version: 5) == .unchanged)
  }

  @Test func `a Meta app is open to all tenants, or to the one that it is bound to`() {
    func app(of tenant: TenantID?) -> SealedMetaApp {
      SealedMetaApp(
        id: MetaAppID(trusted: "m"), appSecret: [], previousAppSecret: nil, verifyToken: [],
        tenant: tenant, version: 1)
    }
    #expect(app(of: nil).isOpen(to: a))
    #expect(app(of: a).isOpen(to: a))
    #expect(!app(of: a).isOpen(to: b))
  }
}
