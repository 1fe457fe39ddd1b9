import Cryptography
import Testing
import Trust
import Wire

@Suite("Impersonation grants") struct GrantTests {
  private let key = SigningKey(seed: [UInt8](repeating: 4, count: 32))
  private let now = Timestamp(seconds: 1_000_000)
  private let tenant = TenantID(trusted: "t1")
  private let cell = CellID(trusted: "c1")

  private func grant(minutes: Int64 = 60) -> ImpersonationGrant {
    ImpersonationGrant(
      id: "imp_1", operatorID: "opr_1", tenant: tenant, cell: cell, reason: "ticket\n42: help",
      issuedAt: now, expiresAt: now.adding(seconds: minutes * 60))
  }

  private func refusal(
    _ text: String, tenant: String = "t1", cell: String = "c1", after seconds: Int64 = 0
  ) -> ImpersonationGrant.Refusal? {
    do throws(ImpersonationGrant.Refusal) {
      _ = try ImpersonationGrant.read(
        text, key: key.verifying, tenant: TenantID(trusted: tenant), cell: CellID(trusted: cell),
        now: now.adding(seconds: seconds))
      return nil
    } catch { return error }
  }

  @Test func `a grant is read as it was made, in its cell, for its tenant, in its time`() throws {
    let text = grant().text(signedBy: key)
    #expect(
      try ImpersonationGrant.read(
        text, key: key.verifying, tenant: tenant, cell: cell, now: now) == grant())
    #expect(refusal(text, tenant: "t2") == .otherTenant)
    #expect(refusal(text, cell: "c2") == .otherCell)
    #expect(refusal(text, after: 600) == nil)
    #expect(refusal(text, after: 601) == .expired)
    // Clocks may differ by five minutes.
    #expect(refusal(text, after: -300) == nil)
    #expect(refusal(text, after: -301) == .notYetValid)
    #expect(refusal(grant(minutes: 61).text(signedBy: key)) == .tooLong)
    #expect(refusal(grant(minutes: 1).text(signedBy: key), after: 60) == .expired)
    let other = SigningKey(seed: [UInt8](repeating: 5, count: 32))
    #expect(refusal(grant().text(signedBy: other)) == .wrongSignature)
  }

  @Test func `no changed grant is taken`() {
    let text = Array(grant().text(signedBy: key))
    for index in text.indices {
      var bent = text
      bent[index] = bent[index] == "0" ? "1" : "0"
      if bent == text { continue }
      #expect(refusal(String(bent)) != nil, "\(index)")
    }
    #expect(refusal(String(text.dropLast(2))) != nil)
    #expect(refusal("") == .malformed)
    #expect(refusal("aig_") == .malformed)
  }
}
