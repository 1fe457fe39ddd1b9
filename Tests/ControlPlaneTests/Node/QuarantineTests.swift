import Testing
import Wire

@testable import ControlPlane

@Suite("Quarantine over messaging") struct QuarantineTests {
  private func entry(_ id: String, number: String = "", tenant: String = "", body: String = "")
    -> Aimstors_ProtoSpoolEntry
  {
    var entry = Aimstors_ProtoSpoolEntry()
    entry.id = id
    entry.part.reason = tenant.isEmpty ? "number_unknown" : "owner_unreachable"
    entry.part.metaApp = "default"
    entry.part.receivedAtMs = 1_000
    if !body.isEmpty {
      entry.part.reason = "unparseable"
      entry.part.body = .init(Array(body.utf8))
      return entry
    }
    var change = Aimstors_ProtoWebhookChange()
    change.wabaID = "w1"
    change.field = "messages"
    change.phoneNumberID = number
    change.value = .init(Array(#"{"metadata":{"phone_number_id":"1"}}"#.utf8))
    entry.part.part.tenant = tenant
    entry.part.part.changes = [change]
    return entry
  }

  @Test func `a part of an unknown number is drained once the number is claimed`() async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let b = try await deployment.cell("cell-b")
    let id = try await deployment.tenant("acme", cell: "cell-a")
    b.change { $0.spool = [entry("qua_1", number: "1")] }
    await deployment.node.drain()
    #expect(a.seen.parts.isEmpty && b.seen.spool.count == 1)
    let status = try await deployment.admin("GET", "/v1/status")
    #expect(try status.root()["spools"]?[1]?["entries"]?.integer == 1)
    #expect(try await a.claim(deployment.control, tenant: id, [("phone_number", "1")]) == "")
    await deployment.node.drain()
    #expect(a.seen.parts.map(\.tenant) == [id])
    #expect(a.seen.parts.first?.epoch == 1)
    #expect(b.seen.spool.isEmpty)
    await deployment.node.drain()
    #expect(a.seen.parts.count == 1)
  }

  @Test func `a part waits while its owner is dead`() async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let b = try await deployment.cell("cell-b")
    let id = try await deployment.tenant("acme", cell: "cell-a")
    b.change { $0.spool = [entry("qua_1", number: "1", tenant: id)] }
    deployment.boot.advance(milliseconds: 3_000)
    try await b.heartbeat(deployment.control)
    await deployment.node.drain()
    #expect(b.seen.spool.count == 1 && a.seen.parts.isEmpty)
    try await a.heartbeat(deployment.control)
    await deployment.node.drain()
    #expect(b.seen.spool.isEmpty && a.seen.parts.map(\.tenant) == [id])
  }

  @Test func `entries that stay do not keep later ones from going`() async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let id = try await deployment.tenant("acme")
    let stuck = (0..<300).map { entry("qua_\(1000 + $0)", number: "unknown") }
    a.change { $0.spool = stuck + [entry("qua_9999", number: "1", tenant: id)] }
    for _ in 0..<2 { await deployment.node.drain() }
    #expect(a.seen.parts.count == 1)
    #expect(a.seen.spool.count == 300)
  }

  @Test func `the list shows bodies and their hashes, cell by cell, in pages`() async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let b = try await deployment.cell("cell-b")
    a.change { $0.spool = [entry("qua_1", body: "junk"), entry("qua_2", number: "1")] }
    b.change { $0.spool = [entry("qua_1", number: "2")] }
    let first = try await deployment.admin("GET", "/v1/quarantine?limit=2")
    let page = try first.data()
    #expect(page.compactMap { $0["id"]?.string } == ["cell-a.qua_1", "cell-a.qua_2"])
    #expect(page[0]["body_base64"]?.string == "anVuaw==")
    #expect(page[0]["sha256"]?.string == Digests.sha256("junk").hex)
    #expect(page[0]["reason"]?.string == "unparseable")
    #expect(page[0]["received_at"]?.string == "1970-01-01T00:00:01.000Z")
    let cursor = try first.text("next_cursor")
    let second = try await deployment.admin("GET", "/v1/quarantine?limit=2&cursor=\(cursor)")
    #expect(try second.data().compactMap { $0["id"]?.string } == ["cell-b.qua_1"])
    #expect(try second.root()["next_cursor"]?.isNull == true)
  }

  @Test func `a replay delivers, removes, and answers the same again`() async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let id = try await deployment.tenant("acme")
    let body =
      #"{"entry":[{"id":"w1","changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"1"}}}]}]}"#
    a.change { $0.spool = [entry("qua_1", body: body), entry("qua_2", body: "junk")] }
    let early = try await deployment.admin(
      "POST", "/v1/quarantine/cell-a.qua_1/replay", key: "r0")
    #expect(early.status == 409)
    #expect(try early.code() == "invalid_state")
    #expect(try await a.claim(deployment.control, tenant: id, [("phone_number", "1")]) == "")
    let first = try await deployment.admin(
      "POST", "/v1/quarantine/cell-a.qua_1/replay", key: "r1")
    #expect(first.status == 200)
    #expect(a.seen.parts.map(\.tenant) == [id])
    #expect(a.seen.spool.map(\.id) == ["qua_2"])
    let again = try await deployment.admin(
      "POST", "/v1/quarantine/cell-a.qua_1/replay", key: "r1")
    #expect(again.bytes == first.bytes)
    #expect(a.seen.parts.count == 1)
    let gone = try await deployment.admin(
      "POST", "/v1/quarantine/cell-a.qua_1/replay", key: "r2")
    #expect(gone.status == 404)
  }

  @Test func `a running node empties spools and queues by itself, and stops when told`()
    async throws
  {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let id = try await deployment.tenant("acme")
    a.change { $0.refusal = Failure(.recovering, "not yet") }
    _ = try await deployment.admin("PUT", "/v1/send-stops/tenant/\(id)")
    a.change { state in
      state.refusal = nil
      state.spool = [entry("qua_1", number: "1", tenant: id)]
    }
    // Older than what its own request may still be sending.
    deployment.clock.advance(milliseconds: ControlPlaneLimits.directiveGraceMilliseconds)
    let node = deployment.node
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await node.run() }
      while a.seen.parts.isEmpty || a.seen.stops.isEmpty || !a.seen.spool.isEmpty {
        await Task.yield()
      }
      group.cancelAll()
    }
    #expect(a.seen.parts.map(\.tenant) == [id])
    #expect(a.seen.stops.map(\.id) == [id])
  }
}
