import Foundation
import GraphSimulator
import Testing

@testable import aimstors

/// A tenant that really moves from one cell to another: its own credentials go along, and nothing
/// of it is to be had by others', before or after.
@Suite(.serialized) struct MovedTenantTests {
  private struct Caller {
    let url: String
    let caller = HTTPCaller()

    func callAsFunction(
      _ method: String, _ path: String, host: String = "api", bearer: String?, _ body: JSON? = nil
    ) async throws -> (status: Int, json: JSON) {
      var headers = [("idempotency-key", UUID().uuidString)]
      if let bearer { headers.append(("authorization", "Bearer \(bearer)")) }
      if body != nil { headers.append(("content-type", "application/json")) }
      let answer = try await caller.call(
        method, url + path, host: "\(host).localhost", headers: headers, body: body?.bytes())
      return (answer.status, answer.json)
    }
  }

  private static let password = "correct horse battery staple"

  @Test func `what was a moved tenant's stays its own, and what was for the old cell is not taken`()
    async throws
  {
    try await LiveSystem.with { system in
      let local = try system.local()
      let call = Caller(url: local["url"]?.string ?? "")
      let own = try #require(local["demo"]?[0])
      let other = try #require(local["demo"]?[1])
      let (tenant, key) = (own.cell("tenant_id"), own.cell("api_key"))
      let slug = "/t/\(own.cell("slug"))"
      // A person, a contact, a session, an impersonation that runs, and a grant that is not used.
      let invited = try await system.verb(
        "user", "invite", "--tenant", tenant, "--email", "ana@example.com", "--name", "Ana",
        "--role", "owner", "--json")
      _ = try await call(
        "POST", "\(slug)/v1/invitations/accept", host: "app", bearer: nil,
        ["token": invited.json["token"] ?? .null, "password": JSON(Self.password)])
      let session = try await call(
        "POST", "\(slug)/v1/sessions", host: "app", bearer: nil,
        ["email": "ana@example.com", "password": JSON(Self.password)])
      let access = session.json.cell("access_token")
      let contact = try await call(
        "POST", "/v1/contacts", bearer: key, ["phone": "+4915112345678", "name": "Cy"])
      #expect(contact.status == 201, "\(contact.json)")
      let contactPath = "/v1/contacts/\(contact.json.cell("id"))"
      func grant() async throws -> JSON {
        try await system.verb(
          "impersonation", "grant", "--tenant", tenant, "--reason", "ticket 42 is stuck",
          "--json"
        ).json
      }
      let acting = try await call(
        "POST", "\(slug)/v1/impersonations", host: "app", bearer: nil,
        ["grant": try await grant()["grant"] ?? .null])
      let impersonation = acting.json.cell("access_token")
      let unused = try await grant()["grant"] ?? .null

      let target = own.cell("cell") == "cell-1" ? "cell-2" : "cell-1"
      let moved = try await system.verb(
        "tenant", "move", tenant, "--to", target, "--cap-ms", "10000", "--wait", "--json")
      #expect(moved.status == 0, "\(moved.output)")

      // Its own go on as if nothing had been.
      for bearer in [key, access, impersonation] {
        let answer = try await call("GET", contactPath, bearer: bearer)
        #expect(answer.status == 200, "\(answer.json)")
      }
      #expect(
        try await call("GET", "/v1/me", bearer: impersonation).json["is_impersonation"] == true)
      // Another's get what they would of an identifier that never was.
      let strange = try await call("GET", contactPath, bearer: other.cell("api_key"))
      let never = try await call(
        "GET", "/v1/contacts/con_00000000000000", bearer: other.cell("api_key"))
      #expect(strange.status == 404 && strange.json["code"] == never.json["code"])
      // A credential of its name with another's secret is nobody's.
      let pasted = String(key.dropLast(36)) + String(other.cell("api_key").suffix(36))
      #expect(try await call("GET", "/v1/contacts", bearer: pasted).status == 401)
      // The grant was for the cell that owned it then.
      let late = try await call(
        "POST", "\(slug)/v1/impersonations", host: "app", bearer: nil, ["grant": unused])
      #expect(late.status == 403 || late.status == 401, "\(late.status) \(late.json)")
      let fresh = try await call(
        "POST", "\(slug)/v1/impersonations", host: "app", bearer: nil,
        ["grant": try await grant()["grant"] ?? .null])
      #expect(fresh.status < 300, "\(fresh.json)")
      // What is revoked at the new cell is revoked.
      #expect(try await call("DELETE", "/v1/me/sessions", bearer: access).status == 204)
      #expect(try await call("GET", contactPath, bearer: access).status == 401)
      // The log went along whole, under the same key.
      let checkpoint = try await call("GET", "/v1/audit/checkpoint", bearer: key)
      let export = try await HTTPCaller().call(
        "GET", call.url + "/v1/audit/export", host: "api.localhost",
        headers: [("authorization", "Bearer \(key)")])
      let file = system.directory + "/log.ndjson"
      try PrivateFile.write(export.body, to: file)
      let verified = try await system.verb(
        "audit", "verify", file, "--key", checkpoint.json.cell("key"), "--json")
      #expect(verified.status == 0, "\(verified.output)")
      #expect(verified.json["entries"]?.integer ?? 0 > 5)
    }
  }

  @Test func `a tenant that moved is restored to what it was before, and to what it is now`()
    async throws
  {
    try await LiveSystem.with { system in
      let local = try system.local()
      let call = Caller(url: local["url"]?.string ?? "")
      let own = try #require(local["demo"]?[0])
      let (tenant, key) = (own.cell("tenant_id"), own.cell("api_key"))
      func seq() async throws -> Int64 {
        let answer = try await system.verb("tenant", "digest", tenant, "--recompute", "--json")
        return try #require(answer.json["tenant_seq"]?.integer, "\(answer.output)")
      }
      func write(_ count: Int, from: Int) async throws {
        for index in 0..<count {
          let answer = try await call(
            "POST", "/v1/contacts", bearer: key,
            ["phone": JSON("+49151123\(45_000 + from + index)"), "name": "Cy"])
          #expect(answer.status == 201, "\(answer.json)")
        }
      }
      func move() async throws {
        let shown = try await system.verb("tenant", "show", tenant, "--json")
        let target = shown.json.cell("cell") == "cell-1" ? "cell-2" : "cell-1"
        let moved = try await system.verb(
          "tenant", "move", tenant, "--to", target, "--cap-ms", "10000", "--wait", "--json")
        #expect(moved.status == 0, "\(moved.output)")
      }
      func fork(at point: String, is wanted: Int64) async throws {
        let made = try await system.verb(
          "tenant", "fork", tenant, "--at", point, "--wait", "--json")
        #expect(made.status == 0, "\(made.output)")
        let result = made.json["result"] ?? .null
        #expect(result["tenant_seq"]?.integer == wanted, "\(made.json)")
        let digest = try await system.verb(
          "tenant", "digest", result.cell("tenant_id"), "--recompute", "--json")
        #expect(digest.status == 0, "\(digest.output)")
      }

      try await write(5, from: 0)
      let first = try await seq()
      try await write(5, from: 100)
      try await move()
      try await write(5, from: 200)
      let second = try await seq()
      try await move()
      try await write(5, from: 300)
      // One in the first cell's stay, one in the second's, and today.
      try await fork(at: "\(first)", is: first)
      try await fork(at: "\(second)", is: second)
      let swap = try await system.verb(
        "tenant", "restore", tenant, "--at", "\(first + 1)", "--accept", "--wait", "--json")
      #expect(swap.status == 0, "\(swap.output)")
      #expect(swap.json["result"]?["tenant_seq"]?.integer == first + 1, "\(swap.json)")
      let drill = try await system.verb("drill", "now", "--json")
      #expect(drill.status == 0, "\(drill.output)")
    }
  }
}
