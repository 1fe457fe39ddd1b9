import COpenSSL
import Foundation
import NIOCore

/// The webhook bodies of a bench: 1 to 50 statuses each, 20 on average, every tenth body sent
/// again, signed as Meta signs.
struct StatusBodies: Sendable {
  struct Body: Sendable {
    let bytes: ByteBuffer
    let signature: String
    let statuses: Int
  }

  /// Messages of one tenant that Graph accepted.
  struct Messages: Sendable {
    let number: BenchClient.Number
    let wamids: [String]
  }

  static let largest = 50
  /// Messages whose statuses come together: all their `sent`, then `delivered`, then `read`.
  static let wave = 50
  /// One body in so many is sent again, at the earliest so many bodies later.
  static let repeatEvery = 10

  private(set) var bodies: [Body] = []

  /// Every status of every message once, tenants in turn.
  init(_ tenants: [Messages], appSecret: String) {
    var dice = SystemRandomNumberGenerator()
    var streams = tenants.map { Self.stream($0)[...] }
    while streams.contains(where: { !$0.isEmpty }) {
      for index in streams.indices where !streams[index].isEmpty {
        let size = Self.size(&dice)
        let statuses = streams[index].prefix(size)
        streams[index] = streams[index].dropFirst(size)
        let bytes = Self.body(tenants[index].number, statuses)
        bodies.append(
          Body(
            bytes: ByteBuffer(bytes: bytes),
            signature: Self.signature(bytes, appSecret),
            statuses: statuses.count))
        if bodies.count % Self.repeatEvery == 0 {
          bodies.append(bodies[bodies.count - Self.repeatEvery])
        }
      }
    }
  }

  /// Seven of eight uniform in 1...33, the rest in 30...50: 20 on average.
  private static func size(_ dice: inout SystemRandomNumberGenerator) -> Int {
    Int.random(in: 0..<8, using: &dice) == 0
      ? Int.random(in: 30...largest, using: &dice) : Int.random(in: 1...33, using: &dice)
  }

  private static func signature(_ body: [UInt8], _ secret: String) -> String {
    let key = Array(secret.utf8)
    var code = [UInt8](repeating: 0, count: 32)
    HMAC(EVP_sha256(), key, Int32(key.count), body, body.count, &code, nil)
    return "sha256=" + code.map { String(format: "%02x", $0) }.joined()
  }

  private static func stream(_ messages: Messages) -> [(wamid: String, status: String)] {
    var stream: [(String, String)] = []
    for first in stride(from: 0, to: messages.wamids.count, by: wave) {
      let some = messages.wamids[first..<min(first + wave, messages.wamids.count)]
      for status in ["sent", "delivered", "read"] { stream += some.map { ($0, status) } }
    }
    return stream
  }

  private static func body(
    _ number: BenchClient.Number, _ statuses: ArraySlice<(wamid: String, status: String)>
  ) -> [UInt8] {
    let now = Int(Date().timeIntervalSince1970)
    let entries = statuses.map { wamid, status in
      #"{"id":"\#(wamid)","status":"\#(status)","timestamp":"\#(now)","#
        + #""recipient_id":"4915112345678","pricing":{"billable":true,"pricing_model":"PMP","#
        + #""type":"regular","category":"marketing"}}"#
    }
    let text =
      #"{"object":"whatsapp_business_account","entry":[{"id":"\#(number.wabaID)","changes":["#
      + #"{"value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"15550100","#
      + #""phone_number_id":"\#(number.phoneNumberID)"},"statuses":[\#(entries.joined(separator: ","))]},"#
      + #""field":"messages"}]}]}"#
    return Array(text.utf8)
  }
}
