import Testing
import Wire

@testable import Cell

@Suite("Sends whose hold ran out") struct ExpiredFundsTests {
  private static let month: Int64 = 30 * 86_400_000 + 1

  private func expire(_ shop: Shop) async throws {
    shop.clock.advance(milliseconds: Self.month)
    _ = try await shop.write { try Ledger($0).expireHolds() }
    #expect(try await shop.balances().held == .zero)
  }

  @Test func `a campaign resumed after its hold ran out holds anew before it sends`()
    async throws
  {
    let shop = try await Shop(funds: 3 * Shop.price)
    let id = try await shop.campaign(recipients: 3)
    let first = try await shop.turn(claim: 1)
    _ = try await shop.turn(first.map(Shop.accepted), claim: 0)
    try await shop.write { try CampaignCommands($0).pause(id) }
    try await expire(shop)
    // The money is spent elsewhere meanwhile.
    let other = try await shop.write { tx in
      try Ledger(tx).hold(
        Micros(Shop.price), for: .message(tx.freshID()), until: tx.now.adding(seconds: 60))
    }
    await #expect(throws: Failure.self) {
      try await shop.write { try CampaignCommands($0).resume(id) }
    }
    #expect(try await shop.turn().isEmpty)
    _ = try await shop.write { try Ledger($0).close(other, cause: .cancelled) }
    try await shop.write { try CampaignCommands($0).resume(id) }
    #expect(try await shop.balances().held == Micros(2 * Shop.price))
    let rest = try await shop.turn()
    #expect(rest.count == 2)
    _ = try await shop.turn(rest.map(Shop.accepted))
    #expect(try await shop.state(id) == .completed)
    #expect(try await shop.balances().balance == .zero)
    #expect(try await shop.tally(id).captured == 3 * Shop.price)
    #expect(try await shop.tally(id).released == 2 * Shop.price)
  }

  @Test func `a running campaign whose hold ran out pauses instead of sending unpaid`()
    async throws
  {
    let shop = try await Shop()
    let id = try await shop.campaign(recipients: 2)
    try await expire(shop)
    #expect(try await shop.turn().isEmpty)
    #expect(try await shop.state(id) == .paused)
  }

  @Test func `a single message whose hold ran out is not sent`() async throws {
    let shop = try await Shop()
    let id = try await shop.send(Shop.text)
    try await expire(shop)
    #expect(try await shop.turn().isEmpty)
    #expect(try await shop.standing(id)?.state == .expired)
    #expect(try await shop.balances().available == Micros(10_000_000))
  }

  @Test func `a campaign that ended while it was paused completes when it is resumed`()
    async throws
  {
    let shop = try await Shop()
    let id = try await shop.campaign(recipients: 2)
    let jobs = try await shop.turn()
    try await shop.write { try CampaignCommands($0).pause(id) }
    _ = try await shop.turn(jobs.map(Shop.accepted))
    #expect(try await shop.state(id) == .paused)
    try await shop.write { try CampaignCommands($0).resume(id) }
    #expect(try await shop.state(id) == .completed)
  }

  @Test func `no answer does not hide why a status said that it failed`() async throws {
    let shop = try await Shop()
    let id = try await shop.send(Shop.text)
    let jobs = try await shop.turn()
    try await shop.status("wamid.x", "failed", callback: id, code: 131_026)
    _ = try await shop.turn([
      SendResult(id: jobs[0].id, phoneNumberID: Shop.number, outcome: .ambiguous(reason: "reset"))
    ])
    let error = try await shop.read { try MessageStore($0.file(.messages)).error(id) }
    #expect(error?.code == 131_026)
  }
}
