import Testing
import Wire

@testable import ControlPlane

@Suite("Send-stops over messaging") struct SendStopTests {
  @Test(arguments: ["number/1001", "tenant/TENANT", "cell/cell-a", "region/eu", "platform/all"])
  func `a stop is in every cell when it is answered`(scope: String) async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let b = try await deployment.cell("cell-b")
    let tenant = try await deployment.tenant("a", cell: "cell-a")
    #expect(try await a.claim(deployment.control, tenant: tenant, [("phone_number", "1001")]) == "")
    let subject = scope.replacing("TENANT", with: tenant)
    let answer = try await deployment.admin(
      "PUT", "/v1/send-stops/\(subject)", #"{"reason":"abuse"}"#)
    #expect(answer.status == 200)
    #expect(try answer.root()["pending_cells"]?.elements.reduce(0) { n, _ in n + 1 } == 0)
    for cell in [a, b] {
      #expect(cell.seen.stops.map { "\($0.scope)/\($0.id)" } == [subject])
      #expect(cell.seen.stops.first?.lifted == false)
    }
    #expect(try await deployment.admin("GET", "/v1/send-stops/\(subject)").status == 200)
    let lifted = try await deployment.admin("DELETE", "/v1/send-stops/\(subject)", key: "l")
    #expect(lifted.status == 200)
    let last = try #require(a.seen.stops.last)
    #expect(last.lifted && last.version > (a.seen.stops.first?.version ?? .max))
    #expect(try await deployment.admin("GET", "/v1/send-stops/\(subject)").status == 404)
    #expect(try await deployment.admin("GET", "/v1/send-stops").data().isEmpty)
  }

  @Test func `a dead cell learns of a stop when it joins again, and acknowledges it`() async throws
  {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    deployment.network.partition("control-1", "cell-a")
    deployment.boot.advance(milliseconds: 3_000)
    let answer = try await deployment.admin(
      "PUT", "/v1/send-stops/platform/all", #"{"reason":"x"}"#)
    #expect(try answer.root()["pending_cells"]?[0]?.string == "cell-a")
    let operations = try await deployment.admin("GET", "/v1/operations").data()
    #expect(operations.first?["state"]?.string == "running")
    #expect(a.seen.stops.isEmpty)
    deployment.network.heal()
    let credential = DeploymentSecrets(deploymentKey: deployment.key)
      .credential(of: CellID(trusted: "cell-a"))
    let joined = try await a.join(deployment.control, credential: credential)
    #expect(joined.sendStops.map(\.scope) == ["platform"])
    try await deployment.sweep(until: {
      let shown = try await deployment.admin("GET", "/v1/send-stops/platform/all")
      return try shown.root()["pending_cells"]?[0] == nil
    })
    #expect(Set(a.seen.stops.map(\.scope)) == ["platform"])
    let after = try await deployment.admin("GET", "/v1/operations").data()
    #expect(after.first?["state"]?.string == "succeeded")
  }

  @Test func `a lift replaces a stop that the cell never heard of`() async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    a.change { $0.refusal = Failure(.recovering, "not yet") }
    _ = try await deployment.admin(
      "PUT", "/v1/send-stops/cell/cell-a", #"{"reason":"x"}"#)
    let lifted = try await deployment.admin("DELETE", "/v1/send-stops/cell/cell-a", key: "l")
    #expect(try lifted.root()["pending_cells"]?[0]?.string == "cell-a")
    a.change { $0.refusal = nil }
    await deployment.node.sweep(grace: 0)
    #expect(a.seen.stops.map(\.lifted) == [true])
    let states = try await deployment.admin("GET", "/v1/operations").data()
      .compactMap { $0["state"]?.string }
    #expect(states == ["succeeded", "succeeded"])
  }

  @Test func `a cell that joins later has every stop to acknowledge`() async throws {
    let deployment = try await Deployment()
    _ = try await deployment.admin(
      "PUT", "/v1/send-stops/platform/all", #"{"reason":"x"}"#)
    let late = try await deployment.cell("cell-late")
    await deployment.node.sweep(grace: 0)
    #expect(late.seen.stops.map(\.scope) == ["platform"])
  }

  @Test func `bad scopes and stops that are not there are refused`() async throws {
    let deployment = try await Deployment()
    let scope = try await deployment.admin("PUT", "/v1/send-stops/galaxy/1")
    #expect(scope.status == 400)
    #expect(try scope.text("detail").hasPrefix("scope"))
    let none = try await deployment.admin("DELETE", "/v1/send-stops/tenant/ta", key: "l")
    #expect(none.status == 404)
    for unknown in [
      "tenant/acme", "cell/cell-z", "region/mars", "number/999", "number/num_zzz",
      "platform/banana",
    ] {
      let answer = try await deployment.admin(
        "PUT", "/v1/send-stops/\(unknown)", #"{"reason":"x"}"#)
      #expect(try answer.status == 404 && answer.text("code") == "not_found")
    }
    #expect(try await deployment.admin("GET", "/v1/send-stops").data().isEmpty)
    for body in ["", "{}", #"{"reason":""}"#, #"{"reason":5}"#] {
      let reason = try await deployment.admin("PUT", "/v1/send-stops/platform/all", body)
      #expect(reason.status == 400)
      #expect(try reason.text("detail").hasPrefix("reason"))
    }
    #expect(try await deployment.admin("GET", "/v1/send-stops").data().isEmpty)
  }

  @Test func `what stands of cells is read without what was lifted, and without other stops`()
    async throws
  {
    let deployment = try await Deployment()
    let found = try await deployment.node.services.store.write(trace: "") {
      transaction, rows -> [SendStop] in
      func put(_ scope: SendStopScope, _ id: String, isLifted: Bool) throws {
        try rows.put(
          SendStop(
            scope: scope, id: id, reason: "x", since: transaction.now,
            version: try rows.raiseVersion(), isLifted: isLifted))
      }
      try put(.cell, "cell-a", isLifted: false)
      try put(.cell, "cell-b", isLifted: true)
      try put(.tenant, "t1", isLifted: false)
      return try rows.standingCellStops()
    }
    #expect(found.map(\.id) == ["cell-a"])
  }

  @Test func `both names of a number are one stop, also once it is gone`() async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let tenant = try await deployment.tenant("acme")
    let key = [(kind: "phone_number", key: "1001")]
    #expect(try await a.claim(deployment.control, tenant: tenant, key) == "")
    #expect(try await a.claim(deployment.control, tenant: tenant, key, name: "num_9") == "")
    let reason = #"{"reason":"abuse"}"#
    let first = try await deployment.admin("PUT", "/v1/send-stops/number/num_9", reason)
    #expect(try first.status == 200 && first.text("id") == "1001")
    let again = try await deployment.admin("PUT", "/v1/send-stops/number/1001", reason)
    #expect(try again.text("since") == first.text("since"))
    #expect(try await deployment.admin("GET", "/v1/send-stops").data().count == 1)
    #expect(a.seen.stops.map(\.id) == ["1001"])
    #expect(try await a.claim(deployment.control, tenant: tenant, key, release: true) == "")
    let refused = try await deployment.admin("PUT", "/v1/send-stops/number/num_9", reason)
    #expect(refused.status == 404)
    #expect(try await deployment.admin("GET", "/v1/send-stops/number/num_9").status == 200)
    let lifted = try await deployment.admin("DELETE", "/v1/send-stops/number/num_9", key: "l")
    #expect(lifted.status == 200)
    #expect(try await deployment.admin("GET", "/v1/send-stops").data().isEmpty)
  }

  @Test func `a name of one tenant's number does not follow another's claim`() async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let (acme, zoe) = (try await deployment.tenant("acme"), try await deployment.tenant("zoe"))
    let key = [(kind: "phone_number", key: "1001")]
    #expect(try await a.claim(deployment.control, tenant: acme, key, name: "num_9") == "")
    let refused = try await a.claim(
      deployment.control, tenant: zoe, key, name: "num_7")
    #expect(refused == "1001")
    let stop = try await deployment.admin(
      "PUT", "/v1/send-stops/number/num_7", #"{"reason":"x"}"#)
    #expect(stop.status == 404)
  }

  @Test func `a lift that is repeated under its key leaves a stop that was put anew`()
    async throws
  {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let path = "/v1/send-stops/platform/all"
    func put(_ reason: String) async throws {
      let answer = try await deployment.admin("PUT", path, #"{"reason":"\#(reason)"}"#)
      #expect(answer.status == 200)
    }
    try await put("first")
    let lifted = try await deployment.admin("DELETE", path, key: "l")
    #expect(try lifted.status == 200 && lifted.text("reason") == "first")
    try await put("second")
    let again = try await deployment.admin("DELETE", path, key: "l")
    #expect(again.status == 200 && again.bytes == lifted.bytes)
    let standing = try await deployment.admin("GET", path)
    #expect(try standing.status == 200 && standing.text("reason") == "second")
    #expect(a.seen.stops.last?.lifted == false)
    let other = try await deployment.admin("DELETE", "/v1/send-stops/cell/cell-a", key: "l")
    #expect(try other.code() == "idempotency_conflict")
    #expect(try await deployment.admin("DELETE", path, key: "l2").status == 200)
    #expect(a.seen.stops.last?.lifted == true)
    let lifts = try await deployment.node.services.store.read { rows in
      try rows.connection.rows("SELECT detail FROM audit WHERE action = 'send_stop.lift'") {
        $0.text(0)
      }
    }
    #expect(lifts.sorted() == ["first", "second"])
  }
}
