import Testing
import Wire

@testable import ControlPlane

@Suite("Join rule") struct JoinRuleTests {
  private let now = Timestamp(seconds: 1_000)
  private let a = CellID(trusted: "a")
  private let eu = RegionID(trusted: "eu")

  private func request(
    credential: Bool = false, token: Bool = true, generation: UInt64 = 1, region: String = "eu"
  ) -> JoinRule.Request {
    JoinRule.Request(
      cell: a, region: RegionID(trusted: region), address: "tcp://a:1",
      generation: Generation(generation), hasValidCredential: credential, hasToken: token)
  }

  private func token(
    cell: String? = nil, region: String? = nil, expires: Int64 = 2_000, usedBy: String? = nil
  ) -> JoinToken {
    JoinToken(
      id: "jtk_1", hash: [], cell: cell.map(CellID.init(trusted:)),
      region: region.map(RegionID.init(trusted:)), createdAt: now,
      expiresAt: Timestamp(seconds: expires), usedBy: usedBy.map(CellID.init(trusted:)),
      usedAddress: usedBy.map { _ in "tcp://a:1" })
  }

  private func known(_ state: CellState, generation: UInt64 = 1) -> CellRecord {
    CellRecord(
      id: a, region: eu, address: "tcp://a:1", generation: Generation(generation), state: state,
      version: "", joinedAt: now, mapVersion: 1)
  }

  private func decide(
    _ request: JoinRule.Request, _ token: JoinToken?, _ known: CellRecord? = nil
  ) -> (JoinRule.Decision?, FailureCode?) {
    do {
      return (try JoinRule.decide(request, token: token, known: known, at: now), nil)
    } catch {
      return (nil, error.code)
    }
  }

  @Test func `a fresh token admits one cell`() {
    #expect(decide(request(), token()) == (.admitUsingToken, nil))
  }

  @Test func `a used, expired, foreign or unknown token admits nobody`() {
    #expect(decide(request(), token(usedBy: "b")) == (nil, .forbidden))
    #expect(decide(request(), token(expires: 1_000)) == (nil, .forbidden))
    #expect(decide(request(), token(cell: "b")) == (nil, .forbidden))
    #expect(decide(request(), token(region: "us")) == (nil, .forbidden))
    #expect(decide(request(), nil) == (nil, .forbidden))
    #expect(decide(request(token: false), nil) == (nil, .forbidden))
  }

  @Test func `a cell whose first answer was lost repeats until its first heartbeat`() {
    #expect(decide(request(), token(usedBy: "a"), known(.joining)) == (.admit, nil))
    #expect(decide(request(), token(usedBy: "a"), known(.active)) == (nil, .forbidden))
  }

  @Test func `a token does not take over the name of a cell that joined`() {
    #expect(decide(request(), token(), known(.active)) == (nil, .forbidden))
  }

  @Test func `the credential admits a cell again, not an older generation or a retired cell`() {
    let back = request(credential: true, token: false)
    #expect(decide(back, nil, known(.active)) == (.admit, nil))
    #expect(decide(back, nil, nil) == (.admit, nil))
    #expect(decide(back, nil, known(.active, generation: 2)) == (nil, .generationFenced))
    #expect(decide(back, nil, known(.retired)) == (nil, .forbidden))
    #expect(
      decide(request(credential: true, region: "us"), nil, known(.active)) == (nil, .forbidden))
  }
}
