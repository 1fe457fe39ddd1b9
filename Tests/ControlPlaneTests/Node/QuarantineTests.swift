import Edge
import Foundation
import Synchronization
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

  @Test func `what came into a retired cell's spool all the same reaches its owner`() async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let b = try await deployment.cell("cell-b")
    let id = try await deployment.tenant("acme", cell: "cell-b")
    let retired = try await deployment.admin("POST", "/v1/cells/cell-a/retire", key: "r1")
    #expect(retired.status == 202, "\(retired.raw)")
    a.change { $0.spool = [entry("qua_1", number: "1", tenant: id)] }
    #expect(try await b.claim(deployment.control, tenant: id, [("phone_number", "1")]) == "")
    await deployment.node.drain()
    #expect(a.seen.spool.count == 1, "it is none of the living")
    await deployment.node.drainRetired()
    #expect(b.seen.parts.map(\.tenant) == [id])
    #expect(a.seen.spool.isEmpty)
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

  @Test func `large parts are listed in pages by their bytes, none left out`() async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let b = try await deployment.cell("cell-b")
    let large = String(repeating: "x", count: 1_200_000)
    a.change { $0.spool = (1...7).map { entry("qua_\($0)", body: large + "\($0)") } }
    b.change {
      $0.spool = [
        entry("qua_1", body: String(repeating: "y", count: 3 << 20)), entry("qua_2", body: "small"),
      ]
    }
    var ids: [String] = []
    var pages = 0
    var cursor = ""
    repeat {
      let answer = try await deployment.admin("GET", "/v1/quarantine?cursor=\(cursor)")
      try #require(answer.status == 200, "\(answer.raw.prefix(200))")
      ids += try answer.data().compactMap { $0["id"]?.string }
      pages += 1
      cursor = try answer.root()["next_cursor"]?.string ?? ""
    } while !cursor.isEmpty && pages < 20
    #expect(ids == (1...7).map { "cell-a.qua_\($0)" } + ["cell-b.qua_1", "cell-b.qua_2"])
    #expect(pages == 6)
    let shown = try await deployment.admin(
      "GET", "/v1/quarantine?limit=500&cursor=\(ListQuery.cursor("cell-b."))"
    )
    .data()
    #expect(shown.map { $0["body_bytes"]?.integer } == [3 << 20])
    let whole = [UInt8](repeating: UInt8(ascii: "y"), count: 3 << 20)
    #expect(shown.first?["sha256"]?.string == Digests.sha256(whole).hex)
    #expect(shown.first?["body_base64"]?.string?.utf8.count == 4_000_000)
  }

  @Test func `a part with a body is delivered to the tenant it waits for`() async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let id = try await deployment.tenant("acme")
    let body =
      #"{"entry":[{"id":"w1","time":7,"changes":[{"field":"messages","#
      + #""value":{"metadata":{"phone_number_id":"1"}}}]}]}"#
    var waiting = entry("qua_1", body: body)
    waiting.part.reason = "owner_unreachable"
    waiting.part.part.tenant = id
    a.change { $0.spool = [waiting] }
    let shown = try await deployment.admin("GET", "/v1/quarantine").data()
    #expect(shown.first?["sha256"]?.string == Digests.sha256(Array(body.utf8)).hex)
    #expect(shown.first?["tenant_id"]?.string == id)
    await deployment.node.drain()
    #expect(a.seen.parts.map(\.tenant) == [id])
    #expect(a.seen.parts.first?.changes.map(\.phoneNumberID) == ["1"])
    #expect(a.seen.spool.isEmpty)
  }

  @Test func `a part of a larger webhook is shown in its entries, with that webhook's hash`()
    async throws
  {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    var waiting = entry("qua_1", number: "1")
    let change = waiting.part.part.changes[0]
    var other = change
    other.wabaID = "w2"
    other.entryTime = 9
    waiting.part.part.changes = [change, change, other]
    waiting.part.part.bodySha256 = .init([1, 2])
    a.change { $0.spool = [waiting] }
    let shown = try #require(try await deployment.admin("GET", "/v1/quarantine").data().first)
    let one = #"{"field":"messages","value":{"metadata":{"phone_number_id":"1"}}}"#
    let body =
      #"{"object":"whatsapp_business_account","entry":[{"id":"w1","changes":[\#(one),\#(one)]},"#
      + #"{"id":"w2","time":9,"changes":[\#(one)]}]}"#
    #expect(shown["body_base64"]?.string == Data(body.utf8).base64EncodedString())
    #expect(shown["sha256"]?.string == Digests.sha256(Array(body.utf8)).hex)
    #expect(shown["webhook_sha256"]?.string == "0102")
  }

  @Test func `an entry is discarded with a reason, which stays in the audit`() async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    a.change { $0.spool = [entry("qua_1", body: "junk"), entry("qua_2", number: "2")] }
    await deployment.node.drain()
    let path = "/v1/quarantine/cell-a.qua_1"
    #expect(try await deployment.admin("DELETE", path).code() == "invalid_field")
    #expect(try await deployment.admin("DELETE", path + "?reason=").code() == "invalid_field")
    #expect(a.seen.spool.count == 2)
    let gone = try await deployment.admin(
      "DELETE", path + "?reason=not%20ours", key: "d")
    #expect(try gone.status == 200 && gone.text("state") == "discarded")
    #expect(a.seen.spool.map(\.id) == ["qua_2"])
    #expect(try await deployment.admin("DELETE", path + "?reason=x", key: "e").status == 404)
    // As if the first had been cut off before the entry was removed: its repeat goes on.
    a.change { $0.spool.insert(entry("qua_1", body: "junk"), at: 0) }
    let again = try await deployment.admin("DELETE", path + "?reason=not%20ours", key: "d")
    #expect(again.status == 200 && again.bytes == gone.bytes)
    #expect(a.seen.spool.map(\.id) == ["qua_2"])
    let other = try await deployment.admin("DELETE", path + "?reason=x", key: "d")
    #expect(try other.code() == "idempotency_conflict")
    let audit = try await deployment.node.services.store.read { rows in
      try rows.connection.rows(
        "SELECT detail FROM audit WHERE action = 'quarantine.discard' AND subject = ?1",
        .text("cell-a.qua_1")
      ) { $0.text(0) }
    }
    #expect(audit == ["not ours (unparseable, sha256 \(Digests.sha256("junk").hex))"])
    // What is left is counted anew at the next round.
    await deployment.node.drain()
    let status = try await deployment.admin("GET", "/v1/status").root()
    #expect(status["spools"]?[0]?["entries"]?.integer == 1)
  }

  @Test func `of two discards at once under one key none is answered that there is nothing`()
    async throws
  {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    await deployment.node.drain()
    let path = "/v1/quarantine/cell-a.qua_1?reason=junk"
    let other = Mutex<Answer?>(nil)
    let before: @Sendable () async -> Void = {
      let answer = try? await deployment.admin("DELETE", path, key: "d")
      other.withLock { $0 = answer }
    }
    a.change { state in
      state.spool = [entry("qua_1", body: "junk")]
      // The second is through while the first asks for the entry.
      state.beforeLook = before
    }
    let late = try await deployment.admin("DELETE", path, key: "d")
    let early = try #require(other.withLock { $0 })
    #expect(early.status == 200 && a.seen.spool.isEmpty)
    #expect(late.status == 200 && late.bytes == early.bytes, "\(late.raw)")
  }

  @Test func `what stays is looked at less and less often, what is new at once`() async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let id = try await deployment.tenant("acme")
    a.change { $0.spool = [entry("qua_1", number: "unknown")] }
    await deployment.node.drain()
    let first = a.seen.looks
    for _ in 0..<10 { await deployment.node.drain() }
    // Only behind what is known, once a round.
    #expect(a.seen.looks == first + 10)
    a.change { $0.spool.append(entry("qua_2", number: "1", tenant: id)) }
    await deployment.node.drain()
    #expect(a.seen.parts.map(\.tenant) == [id])
    #expect(a.seen.spool.map(\.id) == ["qua_1"])
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
    _ = try await deployment.admin("PUT", "/v1/send-stops/tenant/\(id)", #"{"reason":"x"}"#)
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
