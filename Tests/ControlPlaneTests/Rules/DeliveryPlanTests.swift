import Testing
import Wire

@testable import ControlPlane

@Suite("Delivery plan") struct DeliveryPlanTests {
  private let a = TenantID(trusted: "ta")
  private let b = TenantID(trusted: "tb")

  private func change(number: String = "", waba: String = "w") -> Aimstors_ProtoWebhookChange {
    var change = Aimstors_ProtoWebhookChange()
    change.wabaID = waba
    change.phoneNumberID = number
    change.field = "messages"
    return change
  }

  private func spooled(_ changes: [Aimstors_ProtoWebhookChange], tenant: String = "")
    -> Aimstors_ProtoSpoolPart
  {
    var spooled = Aimstors_ProtoSpoolPart()
    spooled.part.tenant = tenant
    spooled.part.changes = changes
    return spooled
  }

  @Test func `a part whose tenant is known goes there without a look-up`() {
    let part = spooled([change(number: "1")], tenant: "ta")
    #expect(DeliveryPlan.keys(of: part).isEmpty)
    #expect(
      DeliveryPlan.make(part, holders: [:])
        == .deliver([.init(tenant: a, part: part.part)]))
  }

  @Test func `changes go to the holders of their numbers, others to the holder of the WABA`() throws
  {
    let part = spooled([change(number: "1"), change(number: "2"), change(waba: "w9")])
    let holders: [DeliveryPlan.Key: TenantID] = [
      .init(kind: .phoneNumber, key: "1"): a, .init(kind: .phoneNumber, key: "2"): b,
      .init(kind: .waba, key: "w9"): a,
    ]
    #expect(DeliveryPlan.keys(of: part) == Set(holders.keys))
    guard case .deliver(let deliveries) = DeliveryPlan.make(part, holders: holders) else {
      Issue.record("not delivered")
      return
    }
    #expect(deliveries.map(\.tenant) == [a, b])
    #expect(deliveries.first?.part.changes == [change(number: "1"), change(waba: "w9")])
    #expect(deliveries.first?.part.tenant == "ta")
  }

  @Test func `a part stays while nobody holds one of its keys`() {
    let part = spooled([change(number: "1"), change(number: "2")])
    #expect(
      DeliveryPlan.make(part, holders: [.init(kind: .phoneNumber, key: "1"): a])
        == .unknown(kind: .phoneNumber, key: "2"))
  }

  @Test func `a Meta app that is bound to a tenant reaches no other`() {
    let part = spooled([change(number: "1"), change(number: "2")])
    let holders: [DeliveryPlan.Key: TenantID] = [
      .init(kind: .phoneNumber, key: "1"): a, .init(kind: .phoneNumber, key: "2"): b,
    ]
    #expect(DeliveryPlan.make(part, holders: holders, bound: a) == .foreign(b))
    let own = spooled([change(number: "1")])
    guard case .deliver = DeliveryPlan.make(own, holders: holders, bound: a) else {
      Issue.record("the bound tenant's own part was not delivered")
      return
    }
  }

  @Test func `a body is cut anew, its values byte for byte`() throws {
    var spooled = Aimstors_ProtoSpoolPart()
    spooled.metaApp = "default"
    spooled.body = .init(
      Array(
        #"{"entry":[{"id":"w1","time":5,"changes":[{"field":"messages","value":{"metadata": {"phone_number_id":"77"},"x":"\u00e9"}}]}]}"#
          .utf8))
    let again = BodySplit.again(spooled)
    let change = try #require(again.part.changes.first)
    #expect(change.phoneNumberID == "77")
    #expect(change.wabaID == "w1")
    #expect(change.entryTime == 5)
    #expect(
      String(decoding: change.value, as: UTF8.self)
        == #"{"metadata": {"phone_number_id":"77"},"x":"\u00e9"}"#)
    #expect(again.part.metaApp == "default")
  }

  @Test(arguments: ["not json", "{}", #"{"entry":[{"changes":[]}]}"#, #"{"entry":[{"id":"1"}]}"#])
  func `a body that is still not understood stays as it is`(body: String) {
    var spooled = Aimstors_ProtoSpoolPart()
    spooled.body = .init(Array(body.utf8))
    #expect(BodySplit.again(spooled) == spooled)
    #expect(DeliveryPlan.make(spooled, holders: [:]) == .unparsed)
  }
}
