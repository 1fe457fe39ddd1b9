import Foundation
import GraphSimulator
import Testing

@testable import aimstors

/// What only a whole system shows: one trace through all processes, and verbs against them.
@Suite(.serialized) struct LiveSystemTests {
  private static let trace = "0123456789abcdef0123456789abcdef"

  @Test func `one trace leads from the router through the cell to Graph and back`() async throws {
    try await LiveSystem.with { system in
      let local = try system.local()
      let demo = try #require(local["demo"]?[0])
      let message: JSON = [
        "number_id": demo["number_id"] ?? .null, "to": "+4915112345678", "type": "template",
        "template": [
          "name": "hello_world", "language": ["code": "en_US"],
          "components": [["type": "body", "parameters": [["type": "text", "text": "Ana"]]]],
        ],
      ]
      let caller = HTTPCaller()
      let sent = try await caller.call(
        "POST", (local["url"]?.string ?? "") + "/v1/messages", host: "api.localhost",
        headers: [
          ("authorization", "Bearer \(demo["api_key"]?.string ?? "")"),
          ("traceparent", "00-\(Self.trace)-0123456789abcdef-01"), ("idempotency-key", "one"),
        ], body: message.bytes())
      #expect(sent.status == 202, "\(sent.json)")
      let id = try #require(sent.json["id"]?.string)
      func lines(_ process: String, _ parts: String...) throws -> Int {
        try system.log(process).filter { line in
          line.contains(Self.trace) && parts.allSatisfy { line.contains($0) }
        }.count
      }
      let cell = demo["cell"]?.string ?? ""
      try await PrivateSystem.wait("a status comes back", seconds: 120) {
        () throws(CommandFailure) in
        (try? lines(cell, "status applied", "\"status\":\"read\"", id)) ?? 0 > 0
      }
      // What has answered may not have said so yet.
      try await PrivateSystem.wait("everybody has said what it did", seconds: 120) {
        () throws(CommandFailure) in
        let said = [
          try? lines("router-1", "\"message\":\"request\"", "\"status\":\"202\""),
          try? lines(cell, "\"message\":\"answered\"", "/v1/messages"),
          try? lines(cell, "\"message\":\"sent\"", id),
          try? lines("graph", "\"message\":\"request\"", "\"callback\":\"\(id)\""),
        ]
        return said.allSatisfy { $0 ?? 0 > 0 }
      }
      #expect(try lines("router-1", "\"message\":\"request\"", "\"status\":\"202\"") == 1)
      #expect(try lines(cell, "\"message\":\"answered\"", "/v1/messages") == 1)
      #expect(try lines(cell, "\"message\":\"sent\"", "\"outcome\":\"accepted\"", id) == 1)
      #expect(try lines("graph", "\"message\":\"request\"", "\"callback\":\"\(id)\"") == 1)
      #expect(try lines(cell, "status applied", "\"status\":\"read\"", id) == 1)
      // Webhooks come in any order: one that was overtaken changes nothing more.
      #expect(try lines(cell, "status applied", "\"status\":\"delivered\"", id) <= 1)
    }
  }

  @Test func `verbs leave nothing behind where they are refused, and show what there is`()
    async throws
  {
    try await LiveSystem.with { system in
      let demo = try #require(try system.local()["demo"]?[0])
      let number = demo["number_id"]?.string ?? ""
      func file(_ content: String) throws -> String {
        let path = system.directory + "/people.tsv"
        try PrivateFile.write(Array(content.utf8), to: path)
        return path
      }
      func create(_ people: String) async throws -> LiveSystem.Ended {
        try await system.verb(
          "campaign", "create", "--name", "c", "--number", number, "--template", "hello_world",
          "--recipients", try file(people), "--json")
      }
      // Not as many parameters as the template's body has.
      let refused = try await create("+4915112345678\tAna\tBea\n")
      #expect(refused.status == 1 && refused.json["code"]?.string == "invalid_field")
      #expect(refused.json["campaign_id"] != nil, "\(refused.output)")
      #expect(try await create("\n").json["code"]?.string == "no_recipients")
      #expect(try await create("\tAna\n").json["code"]?.string == "invalid_line")
      let made = try await create("+4915112345678\tAna\n")
      #expect(made.status == 0, "\(made.output)")
      let campaign = made.json.cell("id")
      let list = try await system.verb("campaign", "list", "--json").json["data"]?.array ?? []
      #expect(list.map { $0.cell("state") } == ["draft", "cancelled"])
      for (verb, state) in [("start", "running"), ("pause", "paused"), ("cancel", "cancelled")] {
        let changed = try await system.verb("campaign", verb, campaign, "--json")
        if verb == "pause", changed.json["code"]?.string == "invalid_state" { break }
        #expect(changed.json["state"]?.string == state, "\(changed.output)")
      }

      let body = #"{"type":"text","text":{"body":"hi"}}"#
      let sent = try await system.verb(
        "message", "send", "--to", "+4915112345679", "--body", body, "--json")
      #expect(sent.status == 0 && sent.json["state"]?.string == "queued", "\(sent.output)")
      let key = try await system.verb(
        "key", "create", "--name", "k", "--allow-cidrs", "192.0.2.0/24", "--rate-per-second", "5",
        "--rate-burst", "9", "--json")
      #expect(key.json["rate"]?["burst"]?.integer == 9, "\(key.output)")
      #expect(key.json["allow_cidrs"]?[0]?.string == "192.0.2.0/24")

      let template = try await system.verb("template", "list", "--json").json["data"]?[0]
      #expect(template?["name"]?.string == "hello_world")
      let put = try await system.verb(
        "template", "put", "offer", "--category", "marketing", "--text", "Hi {{1}}, look!",
        "--json")
      #expect(put.json["category"]?.string == "marketing", "\(put.output)")
      let entries = try await system.verb("wallet", "entries", "--json").json["data"]?.array ?? []
      #expect(entries.contains { $0["kind"]?.string == "top_up" }, "\(entries)")
      let waiting = try await system.verb("quarantine", "list", "--json")
      #expect(waiting.status == 0 && waiting.json["data"]?.array?.isEmpty == true)
      #expect(try await system.verb("quarantine", "replay", "cell-1.x", "--json").status == 1)
      let discard = try await system.verb(
        "quarantine", "discard", "cell-1.x", "--reason", "not ours & old", "--json")
      #expect(discard.status == 1)
      #expect(QuarantineCommand.Discard.escaped("a b&ü1") == "a%20b%26%C3%BC1")
    }
  }

  @Test func `a cell that lost its disk does not keep the others down at the next start`()
    async throws
  {
    try await LiveSystem.with { system in
      let demo = try system.local()["demo"]?.array ?? []
      _ = try await system.script("--stop")
      try FileManager.default.removeItem(atPath: system.data + "/cells/cell-2")

      let second = try await system.script("--debug", "--detach")
      #expect(second.status == 0, "\(second.output)")
      #expect(second.output.contains("cell-2: not ready: cell_lost"), "\(second.output)")
      let url = try system.local()["url"]?.string ?? ""
      func wallet(of tenant: JSON) async throws -> Int {
        try await HTTPCaller().call(
          "GET", url + "/v1/wallet", host: "api.localhost",
          headers: [("authorization", "Bearer \(tenant["api_key"]?.string ?? "")")]
        ).status
      }
      let served = try #require(demo.first { $0["cell"]?.string == "cell-1" })
      let lost = try #require(demo.first { $0["cell"]?.string == "cell-2" })
      #expect(try await wallet(of: served) == 200)
      #expect(try await wallet(of: lost) == 503)
    }
  }

  @Test func `a control plane that lost its disk keeps nobody down, and is restored by its page`()
    async throws
  {
    try await LiveSystem.with { system in
      let key = try #require(try system.local()["demo"]?[0]).cell("api_key")
      let claims = system.data + "/archive/claims/control-plane"
      try await PrivateSystem.wait("the archive knows the control plane", seconds: 30) {
        () throws(CommandFailure) in FileManager.default.fileExists(atPath: claims)
      }
      _ = try await system.script("--stop")
      try FileManager.default.removeItem(atPath: system.data + "/control-plane")

      let second = try await system.script("--debug", "--detach")
      #expect(second.status == 0, "\(second.output)")
      let said = "control-plane: not ready: control_plane_lost"
      #expect(second.output.contains(said), "\(second.output)")
      #expect(second.output.contains("docs/runbooks/control-plane-lost.md"), "\(second.output)")
      let local = try system.local()
      for id in ["router-1", "cell-1", "cell-2"] {
        let process = local["processes"]?.array?.first { $0.cell("id") == id }
        let health = try #require(process?["health_url"]?.string)
        #expect(try await HTTPCaller().call("GET", health + "/readyz").status == 200, "\(id)")
      }
      let status = try await system.verb("status", "--json")
      #expect(status.status == 3 && status.output.contains("control_plane_lost"))

      let restored = try await system.verb("control-plane", "restore", "--old-is-dead")
      #expect(restored.status == 0, "\(restored.output)")
      let url = local["url"]?.string ?? ""
      try await PrivateSystem.wait("tenants are served", seconds: 90) {
        () async throws(CommandFailure) in
        let answer = try? await HTTPCaller().call(
          "GET", url + "/v1/wallet", host: "api.localhost",
          headers: [("authorization", "Bearer \(key)")])
        return answer?.status == 200
      }
    }
  }

  @Test func `without its first operator a system that has all it needs starts again`()
    async throws
  {
    try await LiveSystem.with { system in
      let added = try await system.verb(
        "operator", "add", "--name", "Bo", "--role", "super_admin", "--json")
      let token = try #require(added.json["token"]?.string, "\(added.output)")
      let people = try await system.verb("operator", "list", "--json").json["data"]?.array ?? []
      let first = try #require(people.first { $0.cell("name") == "first" }).cell("id")
      let removed = try await system.verb("operator", "remove", first, "--admin-token", token)
      #expect(removed.status == 0, "\(removed.output)")
      _ = try await system.script("--stop")

      let second = try await system.script("--debug", "--detach")
      #expect(second.status == 0, "\(second.output)")
      #expect(second.output.contains("unauthenticated"), "\(second.output)")
      #expect(second.output.contains("AIMSTORS_ADMIN_TOKEN"), "\(second.output)")
      let cells = try await system.verb("cell", "list", "--admin-token", token, "--json")
      let alive = (cells.json["data"]?.array ?? []).filter { $0["alive"]?.bool == true }
      #expect(alive.count == 2, "\(cells.output)")
    }
  }

  @Test func `a system with a drained cell starts again`() async throws {
    try await LiveSystem.with { system in
      let drained = try await system.verb("cell", "drain", "cell-2", "--wait")
      #expect(drained.status == 0, "\(drained.output)")
      _ = try await system.script("--stop")
      let second = try await system.script("--debug", "--detach")
      #expect(second.status == 0, "\(second.output)")
    }
  }

  @Test func `the demonstration template is known at Graph, with its category`() async throws {
    try await LiveSystem.with { system in
      let local = try system.local()
      let waba = PhoneNumber.series(1)[0].wabaID
      let answer = try await HTTPCaller().call(
        "GET", (local["graph_url"]?.string ?? "") + "/v25.0/\(waba)/message_templates",
        headers: [("authorization", "Bearer \(local["graph_token"]?.string ?? "")")])
      let template = try #require(answer.json["data"]?[0])
      #expect(template["name"]?.string == "hello_world")
      #expect(template["category"]?.string == "UTILITY")
      #expect(template["status"]?.string == "APPROVED")
    }
  }
}
