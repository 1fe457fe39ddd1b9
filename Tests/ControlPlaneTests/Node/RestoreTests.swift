import Testing
import Wire

@testable import ControlPlane

@Suite("Restores over messaging") struct RestoreTests {
  private func status(_ state: String, _ result: String = "") -> Aimstors_ProtoCellWorkStatus {
    var status = Aimstors_ProtoCellWorkStatus()
    status.state = state
    status.result = result
    return status
  }

  @Test func `a fork is asked for until it is done, and is a read-only tenant then`() async throws {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    let tenant = try await deployment.tenant("a", cell: "cell-a")
    cell.change {
      $0.workAnswers = [
        status("running"), status("done", #"{"tenant_seq":7,"verified":{"chain":true}}"#),
      ]
    }
    let begun = try await deployment.admin(
      "POST", "/v1/tenants/\(tenant)/restores", #"{"at":7,"mode":"fork"}"#, key: "r1")
    #expect(begun.status == 202)
    let id = try begun.text("id")
    #expect(begun.headers["location"] == "/v1/operations/\(id)")
    await deployment.node.work()
    #expect(try await deployment.admin("GET", "/v1/operations/\(id)").text("state") == "running")
    await deployment.node.work()
    let ended = try await deployment.admin("GET", "/v1/operations/\(id)")
    #expect(try ended.text("state") == "succeeded")
    #expect(try ended.root()["result"]?["verified"]?["chain"]?.bool == true)
    let asked = try #require(cell.seen.work.first)
    #expect(asked.kind == "restore" && asked.tenant == tenant && asked.at == "7")
    #expect(asked.operation == id && asked.mode == "fork" && !asked.accept)
    let fork = asked.fork.tenant
    #expect(fork != tenant && !fork.isEmpty)
    #expect(Set(cell.seen.work.map(\.fork.tenant)) == [fork])
    let shown = try await deployment.admin("GET", "/v1/tenants/\(fork)")
    #expect(try shown.text("state") == "read_only")
    #expect(try shown.text("reason").contains(tenant))
    let release = try await deployment.admin("POST", "/v1/restores/\(id)/release", key: "r2")
    #expect(try release.code() == "invalid_state")
  }

  @Test func `a swap is released in the cell first, and once`() async throws {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    let tenant = try await deployment.tenant("a", cell: "cell-a")
    cell.change { $0.workAnswers = [status("done", #"{"tenant_seq":7}"#)] }
    let begun = try await deployment.admin(
      "POST", "/v1/tenants/\(tenant)/restores",
      #"{"at":"2026-11-23T12:00:00Z","mode":"swap","accept":true}"#, key: "r1")
    let id = try begun.text("id")
    let early = try await deployment.admin("POST", "/v1/restores/\(id)/release", key: "r2")
    #expect(try early.code() == "invalid_state")
    await deployment.node.work()
    cell.change { $0.workAnswers = [status("running"), status("done", #"{"released":12}"#)] }
    let released = try await deployment.admin("POST", "/v1/restores/\(id)/release", key: "r3")
    #expect(try released.root()["released"]?.integer == 12)
    #expect(cell.seen.work.last?.kind == "release" && cell.seen.work.last?.at == id)
    let count = cell.seen.work.count
    let again = try await deployment.admin("POST", "/v1/restores/\(id)/release", key: "r3")
    #expect(again.raw == released.raw && cell.seen.work.count == count)
    #expect(try await deployment.admin("GET", "/v1/restores/\(id)").text("mode") == "swap")
  }

  @Test func `who has moved since is released where it is, and a failure is not remembered`()
    async throws
  {
    let deployment = try await Deployment()
    let first = try await deployment.cell("cell-a")
    let second = try await deployment.cell("cell-b")
    let tenant = try await deployment.tenant("a", cell: "cell-a")
    first.change { $0.workAnswers = [status("done", #"{"tenant_seq":7}"#)] }
    let begun = try await deployment.admin(
      "POST", "/v1/tenants/\(tenant)/restores", #"{"at":7,"mode":"swap","accept":true}"#, key: "r1")
    let id = try begun.text("id")
    await deployment.node.work()
    first.change {
      $0.workAnswers = []
      $0.answersByKind["move"] = status("done", "{}")
    }
    let move = try await deployment.admin(
      "POST", "/v1/tenants/\(tenant)/moves", #"{"to_cell":"cell-b"}"#, key: "m1"
    ).text("id")
    while try await deployment.admin("GET", "/v1/operations/\(move)").text("state") == "running" {
      await deployment.node.work()
    }
    var full = status("failed")
    full.failure.code = FailureCode.diskFull.rawValue
    second.change { $0.workAnswers = [full, status("done", #"{"released":3}"#)] }
    let release = "/v1/restores/\(id)/release"
    #expect(try await deployment.admin("POST", release, key: "r2").code() == "disk_full")
    let released = try await deployment.admin("POST", release, key: "r3")
    #expect(try released.root()["released"]?.integer == 3)
    let asked = second.seen.work.filter { $0.kind == "release" }
    #expect(asked.count == 2 && asked[0].operation != asked[1].operation)
    #expect(!first.seen.work.contains { $0.kind == "release" })
  }

  @Test(arguments: ["done", "failed", "silent"])
  func `one whose tenant has moved ends as its cell says, or fails`(_ end: String) async throws {
    let deployment = try await Deployment()
    let first = try await deployment.cell("cell-a")
    let second = try await deployment.cell("cell-b")
    let tenant = try await deployment.tenant("a", cell: "cell-a")
    first.change {
      $0.answersByKind["restore"] = status("running")
      $0.answersByKind["move"] = status("done", "{}")
    }
    let id = try await deployment.admin(
      "POST", "/v1/tenants/\(tenant)/restores", #"{"at":7,"mode":"swap"}"#, key: "r1"
    ).text("id")
    await deployment.node.work()
    let move = try await deployment.admin(
      "POST", "/v1/tenants/\(tenant)/moves", #"{"to_cell":"cell-b"}"#, key: "m1"
    ).text("id")
    while try await deployment.admin("GET", "/v1/operations/\(move)").text("state") == "running" {
      await deployment.node.work()
    }
    // It may be done there, and not heard yet.
    #expect(try await deployment.admin("GET", "/v1/operations/\(id)").text("state") == "running")
    if end == "silent" {
      deployment.boot.advance(milliseconds: 60_000)
      try await second.heartbeat(deployment.control)
    }
    var answer = status(end, end == "done" ? #"{"tenant_seq":7}"# : "")
    if end == "failed" { answer.failure.code = FailureCode.notFound.rawValue }
    let last = answer
    first.change { $0.answersByKind["restore"] = last }
    await deployment.node.work()
    let ended = try await deployment.admin("GET", "/v1/operations/\(id)")
    #expect(try ended.text("state") == (end == "done" ? "succeeded" : "failed"), "\(ended.raw)")
    if end != "done" {
      #expect(try ended.root()["error"]?["code"]?.string == "conflict", "\(ended.raw)")
      #expect(ended.raw.contains("is on cell-b by now"))
    }
  }

  @Test func `a drill does not succeed without the cells that are away`() async throws {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    let away = try await deployment.cell("cell-b")
    cell.change { $0.answersByKind["drill"] = status("done", #"{"verified":4,"failed":0}"#) }
    away.change { $0.answersByKind["drill"] = status("done", #"{"verified":2,"failed":0}"#) }
    let whole = try await deployment.admin("POST", "/v1/drills", key: "d1").text("id")
    await deployment.node.work()
    let fine = try await deployment.admin("GET", "/v1/operations/\(whole)")
    #expect(try fine.text("state") == "succeeded")
    #expect(try fine.root()["result"]?["verified"]?.integer == 6)

    let begun = try await deployment.admin("POST", "/v1/drills", key: "d2").text("id")
    deployment.boot.advance(milliseconds: 60_000)
    try await cell.heartbeat(deployment.control)
    await deployment.node.work()
    let ended = try await deployment.admin("GET", "/v1/operations/\(begun)")
    #expect(try ended.text("state") == "failed")
    #expect(try ended.root()["result"]?["failed"]?.integer == 1)
    #expect(
      try ended.root()["result"]?["cells"]?["cell-b"]?["code"]?.string == "cell_unavailable")
  }

  @Test(arguments: [0, 1])
  func `a drill is of the control plane's own store, too`(failed: Int) async throws {
    let (held, release) = AsyncStream.makeStream(of: Void.self)
    let deployment = try await Deployment {
      $0.drillStore = {
        for await _ in held { break }
        return #"{"verified":\#(1 - failed),"failed":\#(failed),"tenants":[]}"#
      }
    }
    let cell = try await deployment.cell("cell-a")
    cell.change { $0.answersByKind["drill"] = status("done", #"{"verified":4,"failed":0}"#) }
    let id = try await deployment.admin("POST", "/v1/drills", key: "d1").text("id")
    await deployment.node.work()
    let begun = try await deployment.admin("GET", "/v1/operations/\(id)")
    #expect(try begun.text("state") == "running")
    release.yield()
    var ended = begun
    for _ in 0..<1_000 where try ended.text("state") == "running" {
      await deployment.node.work()
      ended = try await deployment.admin("GET", "/v1/operations/\(id)")
    }
    #expect(try ended.text("state") == (failed == 0 ? "succeeded" : "failed"))
    let result = try ended.root()["result"]
    #expect(result?["verified"]?.integer == Int64(5 - failed))
    #expect(result?["control_plane"]?["failed"]?.integer == Int64(failed))
  }

  @Test func `what the cell refuses ends the operation, with the list that it gave`() async throws {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    let tenant = try await deployment.tenant("a", cell: "cell-a")
    var refused = status("failed", #"{"abandoned":{"sends":3}}"#)
    refused.failure.code = "restore_not_accepted"
    refused.failure.detail = "3 sends"
    cell.change { $0.workAnswers = [refused] }
    let id = try await deployment.admin(
      "POST", "/v1/tenants/\(tenant)/restores", #"{"at":"latest","mode":"swap"}"#, key: "r1"
    ).text("id")
    await deployment.node.work()
    let ended = try await deployment.admin("GET", "/v1/operations/\(id)")
    #expect(try ended.root()["error"]?["code"]?.string == "restore_not_accepted")
    #expect(try ended.root()["result"]?["abandoned"]?["sends"]?.integer == 3)
  }

  @Test func `a cell that is away is asked again, and nothing fails`() async throws {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    let tenant = try await deployment.tenant("a", cell: "cell-a")
    cell.change { $0.workAnswers = [status("done", "{}")] }
    let id = try await deployment.admin(
      "POST", "/v1/tenants/\(tenant)/snapshots", "{}", key: "r1"
    ).text("id")
    deployment.network.partition("control-1", "cell-a")
    await deployment.node.work()
    #expect(try await deployment.admin("GET", "/v1/operations/\(id)").text("state") == "running")
    deployment.network.heal()
    await deployment.node.work()
    #expect(try await deployment.admin("GET", "/v1/operations/\(id)").text("state") == "succeeded")
  }

  @Test(arguments: [
    #"{"at":"yesterday","mode":"swap"}"#, #"{"at":0,"mode":"fork"}"#,
    #"{"at":"latest","mode":"over"}"#, #"{"at":"latest","mode":"swap","source":"tape"}"#,
  ])
  func `a point or way that does not exist is refused`(_ body: String) async throws {
    let deployment = try await Deployment()
    _ = try await deployment.cell("cell-a")
    let tenant = try await deployment.tenant("a", cell: "cell-a")
    let answer = try await deployment.admin(
      "POST", "/v1/tenants/\(tenant)/restores", body, key: "r1")
    #expect(answer.status == 400, "\(answer.raw)")
  }
}
