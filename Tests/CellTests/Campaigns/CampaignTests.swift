import Storage
import Testing
import Wire

@testable import Cell

@Suite("Campaigns") struct CampaignTests {
  private func run(_ shop: Shop, _ answer: (SendJob) -> SendResult) async throws -> Int {
    var results: [SendResult] = []
    var sent = 0
    while true {
      let jobs = try await shop.turn(results)
      if jobs.isEmpty, results.isEmpty { return sent }
      results = jobs.map(answer)
      sent += jobs.count
    }
  }

  @Test func `each recipient is sent to once and the rest of the hold goes back`() async throws {
    let shop = try await Shop()
    let id = try await shop.campaign(recipients: 50)
    #expect(try await shop.balances().held == Micros(50 * Shop.price))
    var count = 0
    let sent = try await run(shop) { job in
      count += 1
      return count % 5 == 0 ? Shop.refused(job, 131_026) : Shop.accepted(job)
    }
    #expect(sent == 50)
    let tally = try await shop.tally(id)
    #expect(tally.accepted == 40)
    #expect(tally.failed == 10)
    #expect(tally.captured == 40 * Shop.price)
    #expect(tally.released == 10 * Shop.price)
    #expect(try await shop.state(id) == .completed)
    #expect(try await shop.balances().held == .zero)
    #expect(try await shop.balances().available == Micros(10_000_000 - 40 * Shop.price))
  }

  @Test func `a page sent again adds nobody, with other people it is refused`() async throws {
    let shop = try await Shop()
    let id = try await shop.campaign(recipients: 3, start: false)
    func add(_ people: String) async throws {
      let json = #"{"page":1,"recipients":[\#(people)]}"#
      try await shop.write { tx in
        let page = try RecipientPage(Array(json.utf8), parameters: ["1"], isNamed: false)
        try CampaignCommands(tx).add(page.entries, chunk: 0, of: page, isLast: true, to: id)
      }
    }
    let known = #"{"to":"+15550000001","parameters":["B"]}"#
    let fresh = #"{"to":"+491701234567","parameters":["B"]}"#
    for _ in 0..<2 { try await add("\(known),\(fresh)") }
    #expect(try await shop.tally(id).recipients == 4)
    await #expect(throws: Failure.self) { try await add(known) }
    #expect(try await shop.tally(id).recipients == 4)
  }

  @Test func `a campaign with a part of a page does not start until the page is whole`()
    async throws
  {
    let shop = try await Shop()
    let id = try await shop.campaign(recipients: 3, start: false)
    let people = (0..<4).map { #"{"to":"+49170123456\#($0)","parameters":["B"]}"# }
    let json = #"{"page":1,"recipients":[\#(people.joined(separator: ","))]}"#
    let page = try RecipientPage(Array(json.utf8), parameters: ["1"], isNamed: false)
    let chunks = [Array(page.entries.prefix(2)), Array(page.entries.suffix(2))]
    func add(_ chunk: Int) async throws {
      try await shop.write { tx in
        try CampaignCommands(tx).add(
          chunks[chunk], chunk: chunk, of: page, isLast: chunk == 1, to: id)
      }
    }
    try await add(0)
    let refused = await #expect(throws: Failure.self) {
      try await shop.write { tx in try CampaignCommands(tx).start(id, CampaignStart([])) }
    }
    #expect(refused?.code == .invalidState)
    // The page comes again, from its beginning.
    for chunk in 0...1 { try await add(chunk) }
    #expect(try await shop.tally(id).recipients == 7)
    try await shop.write { tx in try CampaignCommands(tx).start(id, CampaignStart([])) }
    #expect(try await run(shop, Shop.accepted) == 7)
  }

  @Test func `a page that crosses the limit adds nobody, one that has begun keeps its room`()
    async throws
  {
    let shop = try await Shop()
    let id = try await shop.campaign(recipients: 3, start: false)
    func page(_ number: Int) throws -> RecipientPage {
      let people = (0..<4).map { #"{"to":"+4917012345\#(number)\#($0)","parameters":["B"]}"# }
      let json = #"{"page":\#(number),"recipients":[\#(people.joined(separator: ","))]}"#
      return try RecipientPage(Array(json.utf8), parameters: ["1"], isNamed: false)
    }
    func add(_ chunk: Int, of page: RecipientPage) async throws {
      let chunks = [Array(page.entries.prefix(2)), Array(page.entries.suffix(2))]
      try await shop.write { tx in
        try CampaignCommands(tx).add(
          chunks[chunk], chunk: chunk, of: page, isLast: chunk == 1, to: id)
      }
    }
    /// As if so many had been added before.
    func pretend(_ recipients: Int64) async throws {
      let old = try await shop.tally(id).recipients
      try await shop.write { tx in
        var tally = CampaignTally()
        tally.recipients = recipients - old
        try CampaignStore(try tx.file(.messages)).add(tally, to: id)
      }
    }
    let most = Int64(CampaignLimits.recipients)
    try await pretend(most - 3)
    let refused = await #expect(throws: Failure.self) { try await add(0, of: page(1)) }
    #expect(refused?.code == .invalidField)
    #expect(try await shop.tally(id).recipients == most - 3)
    try await pretend(most - 4)
    try await add(0, of: page(1))
    #expect(try await shop.tally(id).recipients == most - 2)
    // Others come in between, of several commands and of one: what has begun fills it up.
    let late = await #expect(throws: Failure.self) { try await add(0, of: page(2)) }
    #expect(late?.code == .invalidField)
    let single = try RecipientPage(
      Array(#"{"page":3,"recipients":[{"to":"+491701230001","parameters":["B"]}]}"#.utf8),
      parameters: ["1"], isNamed: false)
    let whole = await #expect(throws: Failure.self) {
      try await shop.write { tx in
        try CampaignCommands(tx).add(single.entries, chunk: 0, of: single, isLast: true, to: id)
      }
    }
    #expect(whole?.code == .invalidField)
    try await add(1, of: page(1))
    #expect(try await shop.tally(id).recipients == most)
    // The room of a page that is whole is nobody's any more: its people are counted.
    try await pretend(most - 1)
    try await shop.write { tx in
      try CampaignCommands(tx).add(single.entries, chunk: 0, of: single, isLast: true, to: id)
    }
    #expect(try await shop.tally(id).recipients == most)
    // Nothing is left of the refused pages that would hold up the campaign.
    try await pretend(7)
    try await shop.write { tx in try CampaignCommands(tx).start(id, CampaignStart([])) }
  }

  @Test func `a template error pauses the campaign, and it goes on when resumed`() async throws {
    let shop = try await Shop()
    let id = try await shop.campaign(recipients: 20)
    let jobs = try await shop.turn(claim: 4)
    let results = [Shop.refused(jobs[0], 132_015)] + jobs.dropFirst().map(Shop.accepted)
    #expect(try await shop.turn(results, claim: 4).isEmpty)
    #expect(try await shop.state(id) == .paused)
    #expect(try await shop.turn().isEmpty)
    try await shop.write { tx in try CampaignCommands(tx).resume(id) }
    #expect(try await run(shop, Shop.accepted) == 17)
    #expect(try await shop.tally(id).accepted == 20)
    #expect(try await shop.state(id) == .completed)
  }

  @Test func `who opted out gets no marketing and costs nothing`() async throws {
    let shop = try await Shop()
    let stop = #"{"wa_id":"15550000002","category":"marketing_messages","value":"stop"}"#
    try await shop.webhook(#"{"user_preferences":[\#(stop)]}"#, field: "user_preferences")
    let id = try await shop.campaign(recipients: 4)
    #expect(try await run(shop, Shop.accepted) == 3)
    let tally = try await shop.tally(id)
    #expect(tally.suppressed == 1)
    #expect(try await shop.state(id) == .completed)
    #expect(try await shop.balances().available == Micros(10_000_000 - 3 * Shop.price))
  }

  @Test func `cancelling gives back what was not sent`() async throws {
    let shop = try await Shop()
    let id = try await shop.campaign(recipients: 10)
    let jobs = try await shop.turn(claim: 4)
    try await shop.write { tx in try CampaignCommands(tx).cancel(id) }
    #expect(try await shop.balances().held == Micros(4 * Shop.price))
    #expect(try await shop.turn(jobs.map(Shop.accepted)).isEmpty)
    #expect(try await shop.balances().held == .zero)
    #expect(try await shop.balances().available == Micros(10_000_000 - 4 * Shop.price))
    #expect(try await shop.tally(id).released == 6 * Shop.price)
  }

  @Test func `what was under way when it was cancelled is not tried again and costs nothing`()
    async throws
  {
    let shop = try await Shop()
    let id = try await shop.campaign(recipients: 5)
    let jobs = try await shop.turn(claim: 3)
    try await shop.write { tx in try CampaignCommands(tx).cancel(id) }
    let unsent = SendResult(
      id: jobs[0].id, phoneNumberID: Shop.number, outcome: .notSent(reason: "refused"))
    // The second is refused for now, the third taken.
    _ = try await shop.turn([unsent, Shop.refused(jobs[1], 131_016), Shop.accepted(jobs[2])])
    #expect(try await shop.balances().held == .zero)
    #expect(try await shop.balances().available == Micros(10_000_000 - Shop.price))
    for job in jobs.prefix(2) { #expect(try await shop.standing(job.id)?.state == .cancelled) }
    #expect(try await shop.tally(id).waiting == 0)
  }

  @Test func `an ambiguous recipient keeps its part of the hold of a completed campaign`()
    async throws
  {
    let shop = try await Shop()
    let id = try await shop.campaign(recipients: 3)
    let jobs = try await shop.turn()
    let ambiguous = SendResult(
      id: jobs[0].id, phoneNumberID: Shop.number, outcome: .ambiguous(reason: "reset"))
    _ = try await shop.turn([ambiguous] + jobs.dropFirst().map(Shop.accepted))
    #expect(try await shop.state(id) == .completed)
    #expect(try await shop.balances().held == Micros(Shop.price))
    try await shop.status("wamid.late", "failed", callback: jobs[0].id, code: 131_026)
    #expect(try await shop.balances().held == .zero)
    #expect(try await shop.balances().available == Micros(10_000_000 - 2 * Shop.price))
  }
}
