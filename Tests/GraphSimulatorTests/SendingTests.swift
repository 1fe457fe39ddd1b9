import Testing

@testable import GraphSimulator

@Suite struct SendingTests {
  private let number = PhoneNumber.series(1)[0]

  private func world(_ change: (inout Faults) -> Void = { _ in }) -> GraphWorld {
    var faults = Faults()
    change(&faults)
    return GraphWorld(numbers: [number], faults: faults, instance: "test")
  }

  private static func text(_ to: String, _ body: String = "hi") -> JSON {
    [
      "messaging_product": "whatsapp", "to": JSON(to), "type": "text",
      "text": ["body": JSON(body)],
    ]
  }

  private static func template(_ to: String, _ parameters: [String] = []) -> JSON {
    let values: [JSON] = parameters.map { ["type": "text", "text": JSON($0)] }
    return [
      "messaging_product": "whatsapp", "to": JSON(to), "type": "template",
      "template": [
        "name": "offer", "language": ["code": "en_US"],
        "components": [["type": "body", "parameters": .array(values)]],
      ],
    ]
  }

  private func code(_ world: inout GraphWorld, _ body: JSON, tick: Int64 = 0) -> Int? {
    do {
      _ = try world.send(number: number.id, body, now: 1_000, tick: tick)
      return nil
    } catch {
      return error.code
    }
  }

  @Test func `an unknown phone number id is error 100 with status 404`() {
    var world = world()
    #expect {
      _ = try world.send(number: "1", Self.text("+491511234567"), now: 0, tick: 0)
    } throws: {
      ($0 as? GraphError)?.code == 100 && ($0 as? GraphError)?.status == 404
    }
  }

  @Test func `a text needs the window that the user opened, for 24 hours`() {
    var world = world()
    #expect(code(&world, Self.text("+491511234567")) == 131047)
    world.openWindow(number: number.id, user: "491511234567", at: 0)
    #expect(code(&world, Self.text("+49 (151) 123-4567")) == nil)
    world.openWindow(number: number.id, user: "491511234568", at: 1_000 - 86_400_000)
    #expect(code(&world, Self.text("+491511234568")) == 131047)
  }

  @Test func `the 81st message of a second is refused, and one more after 13 ms is not`() {
    var world = world()
    for user in 0..<80 { #expect(code(&world, Self.template("+49151\(1_000_000 + user)")) == nil) }
    #expect(code(&world, Self.template("+491512000000")) == 130429)
    #expect(code(&world, Self.template("+491512000000"), tick: 13) == nil)
  }

  @Test func `a user takes 45 messages at once, then one in six seconds`() {
    var world = world { $0.enforceThroughput = false }
    for _ in 0..<45 { #expect(code(&world, Self.template("+491511234567")) == nil) }
    #expect(code(&world, Self.template("+491511234567")) == 131056)
    #expect(code(&world, Self.template("+491511234568")) == nil)
    #expect(code(&world, Self.template("+491511234567"), tick: 5_999) == 131056)
    #expect(code(&world, Self.template("+491511234567"), tick: 6_000) == nil)
  }

  @Test func `a registered template wants its parameters, an unknown one counts as approved`()
    throws
  {
    var world = world()
    #expect(code(&world, Self.template("+491511234567", ["a", "b", "c"])) == nil)
    let created = try world.createTemplate(
      waba: number.wabaID,
      [
        "name": "offer", "language": "en_US", "category": "UTILITY",
        "components": [["type": "BODY", "text": "Hi {{1}}, {{2}}!"]],
      ])
    #expect(code(&world, Self.template("+491511234567", ["a"])) == 132000)
    #expect(code(&world, Self.template("+491511234567", ["a", "b"])) == nil)
    world.templates[created.key]?.status = "PAUSED"
    #expect(code(&world, Self.template("+491511234567", ["a", "b"])) == 132015)
    world.templates[created.key]?.status = "DISABLED"
    #expect(code(&world, Self.template("+491511234567", ["a", "b"])) == 132016)
  }

  @Test func `a template that is known from the start is priced as its own category`() throws {
    var world = world { $0.strictTemplates = true }
    world.know(
      KnownTemplate(
        wabaID: number.wabaID, name: "offer", language: "en_US", category: "UTILITY",
        text: "Hi {{1}}!"), now: 0)
    #expect(code(&world, Self.template("+491511234567")) == 132000)
    let sent = try world.send(
      number: number.id, Self.template("+491511234567", ["Ana"]), now: 0, tick: 0)
    guard case .accepted(let message) = sent else { throw GraphError.badToken }
    #expect(message.category == "utility")
  }

  @Test func `strict mode refuses unknown templates`() {
    var world = world { $0.strictTemplates = true }
    #expect(code(&world, Self.template("+491511234567")) == 132001)
  }

  @Test func `the category of the template prices the message`() throws {
    var world = world()
    _ = try world.createTemplate(
      waba: number.wabaID,
      [
        "name": "offer", "language": "en_US", "category": "UTILITY",
        "components": [["type": "BODY", "text": "Hi"]],
      ])
    let outcome = try world.send(
      number: number.id, Self.template("+491511234567"), now: 0, tick: 0)
    guard case .accepted(let message) = outcome else { throw GraphError.badToken }
    #expect(message.category == "utility" && message.pricingType == "regular")
  }

  @Test func `a user without a phone is reached by user id, but not with a one-time code`() throws {
    var world = world()
    let body = Self.template("x")
    let anonymous = JSON.object((body.members ?? []).filter { $0.name != "to" })
      .with("recipient", "US.13491208655302741918")
    let outcome = try world.send(number: number.id, anonymous, now: 0, tick: 0)
    guard case .accepted(let message) = outcome else { throw GraphError.badToken }
    #expect(message.answer["contacts"]?[0]?["user_id"] == "US.13491208655302741918")
    #expect(message.answer["contacts"]?[0]?["wa_id"] == nil)
    _ = try world.createTemplate(
      waba: number.wabaID,
      ["name": "offer", "language": "en_US", "category": "AUTHENTICATION", "components": []])
    #expect(code(&world, anonymous) == 131062)
  }

  @Test func `the failure rate refuses a share of the sends, the same ones for a seed`() {
    func refused(_ seed: UInt64) -> [Int] {
      var world = world {
        $0.failureRate = 0.1
        $0.seed = seed
        $0.enforceThroughput = false
      }
      return (0..<400).filter { code(&world, Self.template("+49151\(1_000_000 + $0)")) == 131026 }
    }
    #expect((15...70).contains(refused(1).count))
    #expect(refused(1) == refused(1) && refused(1) != refused(2))
  }

  @Test func `no two messages share an id`() throws {
    var world = world { $0.enforceThroughput = false }
    var ids: Set<String> = []
    for user in 0..<200 {
      let outcome = try world.send(
        number: number.id, Self.template("+49151\(1_000_000 + user)"), now: 0, tick: 0)
      if case .accepted(let message) = outcome { ids.insert(message.wamid) }
    }
    #expect(ids.count == 200)
  }

  @Test func `mark read is acknowledged and sends nothing`() throws {
    var world = world()
    let outcome = try world.send(
      number: number.id,
      ["messaging_product": "whatsapp", "status": "read", "message_id": "wamid.A"], now: 0, tick: 0)
    guard case .acknowledged = outcome else { throw GraphError.badToken }
  }

  @Test func `a message to oneself, to a blocked user, of a deregistered number is refused`() {
    var world = world()
    #expect(code(&world, Self.template("+\(number.digits)")) == 131021)
    world.numbers[number.id]?.blocked = ["491511234567"]
    #expect(code(&world, Self.template("+491511234567")) == 130403)
    world.numbers[number.id]?.isRegistered = false
    #expect(code(&world, Self.template("+491511234568")) == 133010)
  }

  @Test func `Mexican and old Brazilian mobiles get WhatsApp's form`() {
    #expect(Recipient.whatsAppID("525512345678") == "5215512345678")
    #expect(Recipient.whatsAppID("5541987654321") == "554187654321")
    #expect(Recipient.whatsAppID("5511987654321") == "5511987654321")
  }
}
