import Testing
import Wire

@testable import Router

@Suite("Webhook split") struct WebhookSplitTests {
  private let acme = TenantID(trusted: "acme")
  private let zoe = TenantID(trusted: "zoe")

  private func split(_ text: String, bound: TenantID? = nil) -> WebhookSplit {
    WebhookSplit(Array(text.utf8), bound: bound) { kind, key in
      switch (kind, key) {
      case (.phoneNumber, "106"), (.waba, "9"): TenantID(trusted: "acme")
      case (.phoneNumber, "107"): TenantID(trusted: "zoe")
      default: nil
      }
    }
  }

  private func change(_ number: String, _ inner: String = "\"messages\":[]") -> String {
    #"{"field":"messages","value":{"metadata":{"phone_number_id":"\#(number)"},\#(inner)}}"#
  }

  @Test func `changes go to their numbers' tenants, in order, byte for byte`() {
    let value = #"{ "metadata" : {"phone_number_id":"106"},"u":"\u00e9\/" , "n":1.50 }"#
    let body =
      #"{"object":"whatsapp_business_account","entry":[{"id":"9","time":1739321024,"changes":["#
      + change("107") + #",{"value":"# + value + #","field":"messages"},"# + change("106")
      + #"]},{"id":"9","changes":["# + change("107", #""statuses":[1]"#) + "]}]}"
    let split = split(body)
    #expect(!split.isIncomplete)
    #expect(split.parts.map(\.way) == [.owner(zoe), .owner(acme)])
    #expect(split.parts[0].changes.count == 2)
    #expect(split.parts[1].changes.map { String(decoding: $0.value, as: UTF8.self) }.first == value)
    #expect(split.parts[1].changes[0].entryTime == 1_739_321_024)
    #expect(split.parts[0].changes[1].entryTime == 0)
    #expect(split.parts[1].changes[0].wabaID == "9")
    #expect(split.parts[1].changes[0].phoneNumberID == "106")
  }

  @Test func `fields without a number go by the account`() {
    let change = #"{"field":"message_template_status_update","value":{"event":"APPROVED"}}"#
    let split = split(#"{"entry":[{"id":"9","changes":["# + change + "]}]}")
    #expect(split.parts.map(\.way) == [.owner(acme)])
    #expect(split.parts[0].changes[0].phoneNumberID == "")
  }

  @Test func `an account of our own does not stand in for an unknown number`() {
    let split = split(#"{"entry":[{"id":"9","changes":["# + change("999") + "]}]}")
    #expect(split.parts.map(\.way) == [.unknown("phone_number:999")])
  }

  @Test func `unknown numbers are kept apart from each other`() {
    let body = #"{"entry":[{"id":"8","changes":["# + change("1") + "," + change("2") + "]}]}"
    #expect(split(body).parts.count == 2)
  }

  @Test func `a bound app does not reach other tenants' numbers`() {
    let body = #"{"entry":[{"id":"9","changes":["# + change("106") + "," + change("107") + "]}]}"
    #expect(
      split(body, bound: zoe).parts.map(\.way) == [.foreign("phone_number:106"), .owner(zoe)])
  }

  @Test(arguments: [
    "", "not json", "[]", "{}", #"{"entry":{}}"#, #"{"entry":[]}"#, #"{"entry":[{"id":"9"}]}"#,
    #"{"entry":[{"changes":[]}]}"#,
  ])
  func `what is not understood is kept whole`(body: String) {
    #expect(split(body).isIncomplete)
    #expect(split(body).parts.isEmpty)
  }

  @Test func `what is understood in part goes out, and the body is kept as well`() {
    let split = split(
      #"{"entry":[{"id":"9","changes":["# + change("106") + #",{"field":"messages"}]},7]}"#)
    #expect(split.parts.map(\.way) == [.owner(acme)])
    #expect(split.isIncomplete)
  }

  @Test func `a number may come as an integer`() {
    let value = #"{"metadata":{"phone_number_id":106}}"#
    let body = #"{"entry":[{"id":9,"changes":[{"field":"messages","value":"# + value + "}]}]}"
    #expect(split(body).parts.map(\.way) == [.owner(acme)])
    #expect(split(body).parts[0].changes[0].wabaID == "9")
  }
}
