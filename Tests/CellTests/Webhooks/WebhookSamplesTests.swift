import Foundation
import Testing
import Wire

@testable import Cell

@Suite("Webhook samples") struct WebhookSamplesTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Fixtures/webhooks")

  static let files: [String] = {
    let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
    return (names ?? []).filter { $0.hasSuffix(".json") }.sorted()
  }()

  private struct Sample {
    var part: Aimstors_ProtoWebhookPart
    var messages: [(wamid: String, raw: [UInt8])] = []
    var statuses: [(wamid: String, status: String, raw: [UInt8])] = []
    var others: [[UInt8]] = []
  }

  private func nodes(_ node: JSONNode?) -> [JSONNode] { node.map { Array($0.elements) } ?? [] }

  private func sample(_ file: String) throws -> Sample {
    let bytes = Array(try Data(contentsOf: Self.folder.appendingPathComponent(file)))
    var part = Aimstors_ProtoWebhookPart()
    part.tenant = Shop.tenant.rawValue
    part.receivedAtMs = 1_795_435_200_000
    var sample = Sample(part: part)
    for entry in nodes(try JSONTape(bytes).root["entry"]) {
      for node in nodes(entry["changes"]) {
        var change = Aimstors_ProtoWebhookChange()
        let value = try #require(node["value"])
        change.wabaID = entry["id"]?.string ?? ""
        change.field = node["field"]?.string ?? ""
        change.entryTime = entry["time"]?.integer ?? 0
        change.phoneNumberID = value["metadata"]?["phone_number_id"]?.string ?? ""
        change.value = Data(value.raw)
        sample.part.changes.append(change)
        if change.field != "messages" { sample.others.append(Array(value.raw)) }
        for message in nodes(value["messages"]) {
          sample.messages.append((message["id"]?.string ?? "", Array(message.raw)))
        }
        for status in nodes(value["statuses"]) {
          sample.statuses.append(
            (status["id"]?.string ?? "", status["status"]?.string ?? "", Array(status.raw)))
        }
      }
    }
    return sample
  }

  /// The messages under a wamid: as stored, and as the API shows them.
  private func found(_ shop: Shop, _ wamid: String) async throws -> [(Message, [UInt8])] {
    try await shop.read { snapshot in
      let reading = MessageReading(snapshot.file(.messages))
      var filter = MessageFilter()
      filter.wamid = wamid
      return try reading.list(filter, before: nil, limit: 10).map { ($0, try reading.json($0)) }
    }
  }

  @Test func `the samples are there`() { #expect(Self.files.count >= 20) }

  @Test(arguments: files)
  func `a sample is read back byte for byte, once`(file: String) async throws {
    let sample = try sample(file)
    let shop = try await Shop()
    for _ in 0..<2 { try await shop.intake.accept(sample.part) }
    for (wamid, raw) in sample.messages {
      let found = try await found(shop, wamid)
      #expect(found.map(\.0.content) == [raw])
      let json = try JSONTape(found[0].1).root
      #expect(json["content"]?.raw.elementsEqual(raw) == true)
      #expect(json["direction"]?.string == "inbound")
      #expect(json["supported"]?.bool == (file != "unsupported-message.json"))
    }
    for (wamid, status, raw) in sample.statuses {
      let json = try #require(try await found(shop, wamid).first).1
      let root = try JSONTape(json).root
      #expect(root["status"]?.string == status)
      #expect(nodes(root["statuses"]).map { Array($0["raw"]?.raw ?? []) } == [raw])
    }
    let events = try await shop.read {
      try WebhookEventStore($0.file(.messages)).list(before: nil, field: nil, limit: 10)
    }
    #expect(Set(events.map(\.event.raw)) == Set(sample.others))
    #expect(events.count == sample.others.count)
  }

  @Test func `the statuses of one message rise in any order`() async throws {
    let order = ["read", "failed", "sent", "delivered"].map { "message-status-\($0).json" }
    let shop = try await Shop()
    for file in order { try await shop.intake.accept(sample(file).part) }
    let found = try await shop.read { snapshot -> (MessageState?, Int)? in
      let store = MessageStore(snapshot.file(.messages))
      guard let id = try store.outgoing("wamid.xyzxyz") else { return nil }
      return (try store.standing(id)?.lifecycle.state, try store.evidence(id).count)
    }
    #expect(found?.0 == .read)
    #expect(found?.1 == 4)
  }

  @Test(arguments: [
    (#""statuses":{"id":"w"}"#, "statuses is not of its type"),
    (#""polls":[{"id":"p1"}]"#, "an unknown member: polls"),
    (#""messages":[{"id":"wamid.2","type":"text"}]"#, "messages is repeated"),
    (#""contacts":7"#, "contacts is not of its type"),
  ])
  func `what stands beside a message that is understood is not lost`(
    member: String, reason: String
  ) async throws {
    let shop = try await Shop()
    let value =
      #"{"messaging_product":"whatsapp","messages":[{"id":"wamid.1","type":"text"}],\#(member)}"#
    for _ in 0..<2 { try await shop.webhook(value) }
    #expect(try await found(shop, "wamid.1").count == 1)
    let events = try await shop.read {
      try WebhookEventStore($0.file(.messages)).list(before: nil, field: nil, limit: 10)
    }
    #expect(events.map(\.event.raw) == [Array(value.utf8)])
    #expect(events.map(\.event.quarantine) == [reason])
  }

  @Test func `a value of which all is read is not kept a second time`() async throws {
    let shop = try await Shop()
    try await shop.webhook(
      #"{"messaging_product":"whatsapp","metadata":{"phone_number_id":"106"},"contacts":null,"#
        + #""messages":[{"id":"wamid.1","type":"text"}],"statuses":[],"errors":[]}"#)
    let events = try await shop.read {
      try WebhookEventStore($0.file(.messages)).list(before: nil, field: nil, limit: 10)
    }
    #expect(events.isEmpty)
  }

  @Test func `what cannot be understood is kept with the reason`() async throws {
    let shop = try await Shop()
    let values = [#"{"messages":[{"type":"text"}]}"#, #"{"statuses":[7]}"#, "{}", "[", #"{"x":1}"#]
    for value in values { try await shop.webhook(value) }
    let events = try await shop.read {
      try WebhookEventStore($0.file(.messages)).list(before: nil, field: nil, limit: 10)
    }
    #expect(events.count == 5)
    #expect(events.allSatisfy { $0.event.quarantine != nil })
  }
}
