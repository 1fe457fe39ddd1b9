import Testing
import Wire

@testable import Cell

@Suite("Sending") struct SendingTests {
  @Test func `a message is held, sent once, charged on acceptance and refunded on failure`()
    async throws
  {
    let shop = try await Shop()
    let id = try await shop.send(Shop.text)
    #expect(try await shop.balances().held == Micros(Shop.price))
    let jobs = try await shop.turn()
    #expect(jobs.map(\.id) == [id])
    #expect(
      String(decoding: jobs[0].body, as: UTF8.self)
        == #"{"messaging_product":"whatsapp","recipient_type":"individual","to":"+16505551234","#
        + #""biz_opaque_callback_data":"\#(id.text(.message))","type":"text","text":{"body":"hi"}}"#
    )
    #expect(try await shop.turn().isEmpty)
    _ = try await shop.turn([Shop.accepted(jobs[0])])
    #expect(try await shop.standing(id)?.state == .accepted)
    #expect(try await shop.balances().held == .zero)
    #expect(try await shop.balances().available == Micros(10_000_000 - Shop.price))
    for _ in 0..<2 { try await shop.status("wamid.\(id.rawValue)", "failed", code: 131_026) }
    #expect(try await shop.standing(id)?.state == .failed)
    #expect(try await shop.balances().available == Micros(10_000_000))
    try await shop.status("wamid.\(id.rawValue)", "delivered")
    #expect(try await shop.standing(id)?.state == .delivered)
    #expect(try await shop.balances().available == Micros(10_000_000 - Shop.price))
  }

  @Test func `a status that comes before the answer is joined by our id`() async throws {
    let shop = try await Shop()
    let id = try await shop.send(Shop.text)
    let jobs = try await shop.turn()
    try await shop.status("wamid.\(id.rawValue)", "delivered", callback: id)
    #expect(try await shop.standing(id)?.state == .delivered)
    _ = try await shop.turn([Shop.accepted(jobs[0])])
    #expect(try await shop.standing(id)?.state == .delivered)
    #expect(try await shop.balances().available == Micros(10_000_000 - Shop.price))
  }

  @Test func `a status without our id waits for the answer`() async throws {
    let shop = try await Shop()
    let id = try await shop.send(Shop.text)
    let jobs = try await shop.turn()
    try await shop.status("wamid.\(id.rawValue)", "read")
    #expect(try await shop.standing(id)?.state == .sending)
    _ = try await shop.turn([Shop.accepted(jobs[0])])
    #expect(try await shop.standing(id)?.state == .read)
    let all = try await shop.read {
      try MessageReading($0.file(.messages)).list(MessageFilter(), before: nil, limit: 10)
    }
    #expect(all.map(\.id) == [id])
  }

  @Test func `an intent without an outcome is ambiguous and never sent again`() async throws {
    let shop = try await Shop()
    let id = try await shop.send(Shop.text)
    _ = try await shop.turn()
    let sealer = shop.sealer
    _ = try await shop.write { tx in
      try OutboxCommands(
        tx, sealer: sealer, gate: OpenSendGate(), configuration: OutboxConfiguration()
      ).housekeep(inFlight: [])
    }
    #expect(try await shop.standing(id)?.state == .ambiguous)
    shop.clock.advance(milliseconds: 86_400_000)
    #expect(try await shop.turn().isEmpty)
    #expect(try await shop.balances().held == Micros(Shop.price))
    try await shop.status("wamid.q", "sent", callback: id)
    #expect(try await shop.standing(id)?.state == .sent)
    #expect(try await shop.balances().held == .zero)
  }

  @Test func `a refusal follows its rule`() async throws {
    let shop = try await Shop()
    let id = try await shop.send(Shop.text)
    var jobs = try await shop.turn()
    _ = try await shop.turn([Shop.refused(jobs[0], 131_056)])
    #expect(try await shop.standing(id)?.state == .queued)
    #expect(try await shop.turn().isEmpty)
    shop.clock.advance(milliseconds: 1_000)
    jobs = try await shop.turn()
    #expect(jobs.map(\.id) == [id])
    _ = try await shop.turn([Shop.refused(jobs[0], 131_047)])
    #expect(try await shop.standing(id)?.state == .failed)
    #expect(try await shop.balances().available == Micros(10_000_000))
  }

  @Test func `an account error blocks the number and keeps its messages waiting`() async throws {
    let shop = try await Shop()
    let id = try await shop.send(Shop.text)
    let jobs = try await shop.turn()
    _ = try await shop.turn([Shop.refused(jobs[0], 190)])
    #expect(try await shop.standing(id)?.state == .queued)
    #expect(try await shop.turn().isEmpty)
    let sealer = shop.sealer
    _ = try await shop.write { tx in try Shop.connect(Shop.number, tx, sealer) }
    #expect(try await shop.turn().map(\.id) == [id])
  }

  @Test func `without money nothing is stored`() async throws {
    let shop = try await Shop(funds: 10)
    await #expect(throws: Failure.self) { try await shop.send(Shop.text) }
    #expect(try await shop.turn().isEmpty)
    #expect(try await shop.balances().held == .zero)
  }

  @Test(arguments: [
    (#"{"number_id":"NUMBER","type":"text","text":{"body":"x"}}"#, "to is missing"),
    (#"{"number_id":"NUMBER","to":"x","text":{"body":"x"}}"#, "to must be a phone number"),
    (#"{"to":"+16505551234","text":{"body":"x"}}"#, "number_id is missing"),
    (#"{"number_id":"NUMBER","to":"+16505551234","text":{}}"#, "text.body is missing"),
    (#"{"number_id":"NUMBER","to":"+16505551234","type":"x"}"#, "type is not a type"),
    (
      #"{"number_id":"NUMBER","to":"+16505551234","type":"image","image":{"link":"ftp://x"}}"#,
      "image.link must begin"
    ),
    (
      #"{"number_id":"NUMBER","to":"+16505551234","type":"interactive","interactive":{"#
        + #""type":"button","body":{"text":"x"},"action":{"buttons":[{"type":"reply","reply":"#
        + #"{"id":"a","title":"A"}},{"type":"reply","reply":{"id":"b","title":"A"}}]}}}"#,
      "interactive.action.buttons[1].reply.title is used"
    ),
  ])
  func `a wrong field is named`(json: String, message: String) async throws {
    let shop = try await Shop()
    do {
      _ = try await shop.send(json)
      Issue.record("it was taken")
    } catch let failure as Failure {
      #expect(failure.code == .invalidField)
      #expect(failure.detail.hasPrefix(message), "\(failure.detail)")
    }
  }
}
