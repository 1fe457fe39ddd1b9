import Testing
import Wire

@testable import Cell
@testable import Router

/// Webhook bodies as anybody may send them to a router without a secret to check.
@Suite("Webhooks, fuzzed", .serialized) struct WebhookFuzzTests {
  private static let bodies: [[UInt8]] = [
    #"""
    {"object":"whatsapp_business_account","entry":[{"id":"102290129340398","changes":[{"value":{\#
    "messaging_product":"whatsapp","metadata":{"display_phone_number":"15550783881",\#
    "phone_number_id":"106540352242922"},"contacts":[{"profile":{"name":"Sh\u00e9ena"},\#
    "wa_id":"16505551234"}],"messages":[{"from":"16505551234","id":"wamid.HBg","timestamp":\#
    "1749416383","type":"text","text":{"body":"Does it come in another color? \ud83d\ude00"}}]},\#
    "field":"messages"}]}]}
    """#,
    #"""
    {"object":"whatsapp_business_account","entry":[{"id":"1","time":1749416383,"changes":[{"value"\#
    :{"metadata":{"phone_number_id":106540352242922},"statuses":[{"id":"wamid.A","status":"failed"\#
    ,"timestamp":1750263773,"recipient_id":"16505551234","errors":[{"code":131049,"title":"t",\#
    "error_data":{"details":"d"}}],"biz_opaque_callback_data":"msg_0"},{"id":"wamid.B","status":\#
    "read","timestamp":"1750263773"}]},"field":"messages"},{"value":{"event":"APPROVED"},"field":\#
    "message_template_status_update"}]}]}
    """#,
  ].map { Array($0.utf8) }

  private static let words = [
    "{", "}", "[", "]", "\"", ",", ":", "\\u", "\\ud800", "null", "true", "-0", "1e400",
    "99999999999999999999", "\"messages\":", "\"id\":", "\"changes\":", "[[[[[[[[", "\u{0}",
  ].map { Array($0.utf8) }

  @Test func `a webhook body of any bytes is split and read, or refused`() {
    let owner = TenantID(trusted: "acme")
    Fuzzing.run(Mutator(Self.bodies, words: Self.words, seed: 9)) { input, _ in
      let split = WebhookSplit(input, bound: nil) { kind, key in
        kind == .phoneNumber && key.hasPrefix("1") ? owner : nil
      }
      var kept = 0
      for change in split.parts.flatMap(\.changes) {
        #expect(change.value.count <= input.count)
        for item in WebhookParser.items(change, receivedAt: Timestamp(milliseconds: 0)) {
          kept += item.raw.count
        }
      }
      // Messages and statuses lie apart in a value; its errors are kept with the whole of it.
      #expect(kept <= 2 * input.count)
      return !split.isIncomplete
    }
  }

  @Test func `a JSON document of any bytes is read or refused`() {
    Fuzzing.run(Mutator(Self.bodies, words: Self.words, seed: 10)) { input, _ in
      guard let tape = try? JSONTape(input) else { return false }
      return Self.walk(tape.root) > 0
    }
  }

  /// Touches every value: a place outside of the document would trap.
  private static func walk(_ node: JSONNode) -> Int {
    var count = 1
    switch node.kind {
    case .object: for member in node.members { count += walk(member.value) }
    case .array: for element in node.elements { count += walk(element) }
    default: _ = (node.lenientString, node.lenientInteger)
    }
    return count
  }

  @Test(arguments: ["[", #"{"a":"#, #"[{"a":["#])
  func `nesting without an end is refused`(opening: String) {
    let bytes = [UInt8](repeatElement(Array(opening.utf8), count: 400_000).joined())
    #expect(throws: (any Error).self) { try JSONTape(bytes) }
    #expect(WebhookSplit(bytes, bound: nil) { _, _ in nil }.isIncomplete)
  }
}
