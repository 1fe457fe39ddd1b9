import AsyncHTTPClient
import Hummingbird
import Logging
import Platform
import Simulation
import Synchronization
import Testing

@testable import GraphSimulator

/// The whole server on a real socket, with a receiver of webhooks beside it.
@Suite struct ServerTests {
  @Test func `a send is answered and its statuses come signed over the raw bytes`() async throws {
    try await withSimulator { simulator in
      let answer = try await simulator.graph(
        "POST", "\(simulator.number.id)/messages", Self.template(callback: "ä/1"))
      #expect(answer.status == 200)
      let wamid = answer.json["messages"]?[0]?["id"]?.string ?? ""
      #expect(wamid.hasPrefix("wamid."))
      let webhooks = await simulator.receiver.take(3)
      for webhook in webhooks {
        #expect(webhook.signature == "sha256=" + Digest.hmac(key: "secret", webhook.body))
        #expect(webhook.body.allSatisfy { $0 < 0x80 })
      }
      let statuses = try webhooks.map { try Self.status(JSON(parsing: $0.body)) }
      #expect(Set(statuses.map { $0.status }) == ["sent", "delivered", "read"])
      #expect(statuses.allSatisfy { $0.wamid == wamid && $0.callback == "ä/1" })
      let log = try await simulator.sim("GET", "requests").json
      #expect(log["requests"]?[0]?["wamid"]?.string == wamid)
      #expect(log["requests"]?[0]?["callback_data"] == "ä/1")
    }
  }

  @Test func `a wrong token is 190 with status 401`() async throws {
    try await withSimulator { simulator in
      let answer = try await simulator.graph(
        "GET", simulator.number.id, token: "other")
      #expect(answer.status == 401 && answer.json["error"]?["code"] == 190)
    }
  }

  @Test func `a webhook that is answered with 500 comes again`() async throws {
    try await withSimulator { simulator in
      simulator.receiver.refuseNext(1)
      _ = try await simulator.sim(
        "POST", "inbound",
        ["number": JSON(simulator.number.id), "from": "+491511234567", "message": "hi"])
      let webhooks = await simulator.receiver.take(2)
      #expect(webhooks[0].body == webhooks[1].body)
    }
  }

  @Test func `a user's message opens the window for an answer`() async throws {
    try await withSimulator { simulator in
      let text: JSON = [
        "messaging_product": "whatsapp", "to": "+491511234567", "type": "text",
        "text": ["body": "hello"],
      ]
      let path = "\(simulator.number.id)/messages"
      let closed = try await simulator.graph("POST", path, text)
      #expect(closed.json["error"]?["code"] == 131047)
      _ = try await simulator.sim(
        "POST", "inbound",
        ["number": JSON(simulator.number.id), "from": "+491511234567", "message": "hi"])
      let open = try await simulator.graph("POST", path, text)
      #expect(open.status == 200)
    }
  }

  @Test func `a reset after the request was read leaves an accepted message without an answer`()
    async throws
  {
    try await withSimulator { simulator in
      _ = try await simulator.sim("PUT", "faults", ["reset_after_read_rate": 1])
      await #expect(throws: (any Error).self) {
        _ = try await simulator.graph(
          "POST", "\(simulator.number.id)/messages", Self.template(callback: "x"))
      }
      let log = try await simulator.sim("GET", "requests").json
      #expect(log["requests"]?[0]?["wamid"]?.string != nil)
      #expect(log["requests"]?[0]?["answer"] == .null)
      #expect(await simulator.receiver.take(3).count == 3)
    }
  }

  @Test func `with status before reply the first status is there when the answer comes`()
    async throws
  {
    try await withSimulator { simulator in
      _ = try await simulator.sim(
        "PUT", "faults", ["status_before_reply_rate": 1, "delay_ms": [500, 600]])
      _ = try await simulator.graph(
        "POST", "\(simulator.number.id)/messages", Self.template(callback: "x"))
      #expect(simulator.receiver.count == 1)
    }
  }

  @Test func `media is uploaded, described, fetched with the token, and deleted`() async throws {
    try await withSimulator { simulator in
      let head =
        "--B\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp"
        + "\r\n--B\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\nimage/png\r\n"
        + "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n"
        + "Content-Type: image/png\r\n\r\n"
      let content: [UInt8] = [1, 2, 3, 255]
      let uploaded = try await simulator.raw(
        "POST", "\(simulator.number.id)/media",
        Array(head.utf8) + content + Array("\r\n--B--\r\n".utf8),
        type: "multipart/form-data; boundary=B")
      let id = uploaded.json["id"]?.string ?? ""
      let described = try await simulator.graph("GET", id)
      #expect(described.json["sha256"]?.string == Digest.sha256(content))
      let url = described.json["url"]?.string ?? ""
      let path = url.split(separator: "/v25.0/").last.map(String.init) ?? ""
      #expect(try await simulator.graph("GET", path).body == content)
      #expect(try await simulator.graph("GET", path, token: "other").status == 401)
      #expect(try await simulator.graph("DELETE", id).json["success"] == true)
      #expect(try await simulator.graph("GET", id).status == 404)
    }
  }

  private static func template(callback: String) -> JSON {
    [
      "messaging_product": "whatsapp", "to": "+491511234567", "type": "template",
      "template": ["name": "offer", "language": ["code": "en"]],
      "biz_opaque_callback_data": JSON(callback),
    ]
  }

  private static func status(_ body: JSON) -> (wamid: String, status: String, callback: String) {
    let status = body["entry"]?[0]?["changes"]?[0]?["value"]?["statuses"]?[0]
    return (
      status?["id"]?.string ?? "", status?["status"]?.string ?? "",
      status?["biz_opaque_callback_data"]?.string ?? ""
    )
  }
}
