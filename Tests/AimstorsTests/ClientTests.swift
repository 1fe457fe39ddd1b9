import GraphSimulator
import Platform
import Testing

@testable import aimstors

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite struct ClientTests {
  @Test func `hosts under localhost are dialled at 127.0.0.1 and named in Host`() {
    let (url, host) = HTTPCaller.resolve("http://admin.localhost:8080/v1/tenants?limit=1")
    #expect(url == "http://127.0.0.1:8080/v1/tenants?limit=1" && host == "admin.localhost")
    #expect(HTTPCaller.resolve("https://api.example.com/x").host == nil)
    #expect(HTTPCaller.resolve("http://127.0.0.1:1").url == "http://127.0.0.1:1")
  }

  @Test func `without the control plane, status tells what the processes say`() {
    let dead = CommandFailure(.timedOut, code: "timed_out", detail: "no answer")
    let report = StatusCommand.report(
      .failure(dead),
      [
        .init(process: ["id": "cell-1", "role": "cell", "health_url": "u"], health: nil),
        .init(
          process: ["id": "cell-2", "role": "cell"],
          health: ["ok": false, "ready": true, "problems": [["code": "disk_low"]]]),
      ])
    let codes = report["problems"]?.array?.map { $0.cell("code") }
    #expect(codes == ["control_plane_unreachable", "process_down", "disk_low"])
    #expect(report["problems"]?[2]?["cell"]?.string == "cell-2")
    #expect(report["ok"]?.bool == false)
    #expect(report["processes"]?[1]?["answers"]?.bool == true)
  }

  @Test func `since when the control plane is silent, its cells tell, each by name`() {
    let dead = CommandFailure(.timedOut, code: "timed_out", detail: "no answer")
    func cell(_ id: String, since: String) -> StatusCommand.ProcessAnswer {
      .init(
        process: ["id": JSON(id), "role": "cell"],
        health: [
          "problems": [["code": "control_plane_unreachable", "since": JSON(since)]]
        ])
    }
    let report = StatusCommand.report(
      .failure(dead),
      [
        cell("c-1", since: "2026-11-25T08:00:02.000Z"),
        cell("c-2", since: "2026-11-25T08:00:01.000Z"),
        .init(process: ["id": "cp", "role": "control_plane"], health: nil),
      ])
    let problems = report["problems"]?.array ?? []
    #expect(problems.map { $0.cell("cell") } == ["control_plane", "c-1", "c-2", "cp"])
    #expect(problems.first?["since"]?.string == "2026-11-25T08:00:01.000Z")
    #expect(problems.last?["since"]?.string == "2026-11-25T08:00:01.000Z")
  }

  @Test func `since when a cell's process is down, the control plane tells`() {
    let known: JSON = [
      "problems": [["code": "cell_unreachable", "cell": "c", "since": "2026-11-25T08:00:00.000Z"]]
    ]
    let report = StatusCommand.report(
      .success(known),
      [
        .init(process: ["id": "c", "role": "cell"], health: nil),
        .init(process: ["id": "r", "role": "router"], health: nil),
      ])
    let problems = report["problems"]?.array ?? []
    #expect(problems.map { $0.cell("cell") } == ["c", "c", "r"])
    #expect(problems[1]["since"]?.string == "2026-11-25T08:00:00.000Z")
    #expect(problems[2]["since"]?.string == nil)
  }

  @Test func `stops in force are shown where there is no problem`() {
    let text = StatusCommand.text([
      "problems": [],
      "send_stops": [["scope": "platform", "id": "all", "since": "2026", "reason": "abuse"]],
    ])
    #expect(text.contains("no problems") && text.contains("sends are stopped"))
    #expect(text.contains("abuse"))
  }

  @Test func `with the control plane, a cell's problem is told once`() {
    let known: JSON = ["ok": false, "problems": [["code": "disk_low", "cell": "c"]]]
    let report = StatusCommand.report(
      .success(known),
      [.init(process: ["id": "c", "role": "cell"], health: ["problems": [["code": "disk_low"]]])])
    #expect(report["problems"]?.array?.count == 1)
    let quiet = StatusCommand.report(.success(["problems": []]), [])
    #expect(quiet["ok"]?.bool == true)
  }

  @Test func `a cell that the control plane does not take tells it itself, by name`() {
    let health: JSON = ["problems": [["code": "join_refused"], ["code": "disk_low"]]]
    let cell: JSON = ["id": "cell-4", "role": "cell"]
    let report = StatusCommand.report(
      .success(["problems": []]), [.init(process: cell, health: health)])
    #expect(report["problems"]?.array?.map { $0.cell("code") } == ["join_refused", "disk_low"])
    #expect(report["problems"]?[0]?["cell"]?.string == "cell-4")
    let retired: JSON = [
      "problems": [], "cells": [["id": "cell-4", "state": "retired"]],
    ]
    let after = StatusCommand.report(.success(retired), [.init(process: cell, health: health)])
    #expect(after["ok"]?.bool == true)
  }

  @Test func `a port that another program listens on is named before anything starts`() throws {
    let taken = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(taken) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        #expect(bind(taken, $0, length) == 0 && listen(taken, 1) == 0)
        #expect(getsockname(taken, $0, &length) == 0)
      }
    }
    let port = Int(UInt16(bigEndian: address.sin_port))
    do {
      try Ports.require([port])
      Issue.record("the port was taken")
    } catch {
      #expect(error.code == "port_in_use" && error.detail.contains("\(port)"))
    }
    try Ports.require(try Ports.free(2))
    // What was found is promised, though nobody listens there yet.
    let found = try (0..<4).flatMap { _ in try Ports.free(50) }
    #expect(Set(found).count == found.count)
  }

  @Test func `what may have been done says under which key it is repeated`() {
    let silence = CommandFailure(.timedOut, code: "timed_out", detail: "no answer")
    let named = silence.repeatable(under: "k1")
    #expect(named.detail == "no answer; repeat it with --idempotency-key k1")
    #expect(named.document["detail"]?.string == named.detail && named.exitCode == .timedOut)
    #expect(silence.repeatable(under: nil).detail == "no answer")
    func answer(_ code: String) -> CommandFailure {
      CommandFailure(
        .refused, code: code, detail: "d", document: ["code": JSON(code), "trace_id": "t"],
        isAnswer: true
      ).repeatable(under: "k1")
    }
    let unknown = answer("outcome_unknown")
    #expect(unknown.detail.hasSuffix("--idempotency-key k1") && unknown.isAnswer)
    #expect(unknown.document["trace_id"]?.string == "t")
    #expect(answer("not_found").detail == "d")
  }

  @Test(
    .timeLimit(.minutes(10)), arguments: [("DELETE", true), ("POST", true), ("GET", false)])
  func `a write has the key that was given`(_ method: String, _ isWrite: Bool) async throws {
    let server = try OneRequestServer()
    var options = ConnectionOptions()
    options.json = false
    options.apiURL = nil
    options.adminToken = nil
    options.apiKey = nil
    options.adminURL = "http://127.0.0.1:\(server.port)"
    options.idempotencyKey = "k1"
    let connection = try APIConnection(
      options, environment: Environment(variables: ["AIMSTORS_DATA": "/nowhere"]),
      random: LiveRandomSource())
    async let seen = server.request(answered: 503, #"{"code":"outcome_unknown"}"#)
    do {
      _ = try await connection.send(.admin, method, "/v1/operators/opr_1")
      Issue.record("it was refused")
    } catch {
      #expect(error.code == "outcome_unknown")
      #expect(error.detail.hasSuffix("repeat it with --idempotency-key k1") == isWrite)
    }
    let request = await seen
    #expect(request.hasPrefix("\(method) /v1/operators/opr_1 "))
    #expect(request.contains("idempotency-key: k1\r\n") == isWrite)
  }

  @Test func `columns of a table line up`() {
    var table = Table("id", "name")
    table.add("1", "long name")
    table.add("1234", "b")
    #expect(table.text == "id    name\n1     long name\n1234  b")
  }

  @Test(
    arguments: [
      (0, "0.000000"), (1, "0.000001"), (12_500_000, "12.500000"), (-70_000, "-0.070000"),
    ] as [(Int64, String)])
  func `micros are shown as amounts`(_ micros: Int64, _ text: String) {
    let object: JSON = ["a": .integer(micros)]
    #expect(object.amount("a") == text && object.amount("b") == "-")
  }

  @Test func `a digest that the scan does not confirm is exit code 3`() throws {
    try TenantCommand.Digest.check([
      "files": ["ledger": "aa"], "recomputed_files": ["ledger": "aa"],
    ])
    do {
      try TenantCommand.Digest.check([
        "files": ["ledger": "aa"], "recomputed_files": ["ledger": "ab"],
      ])
      Issue.record("a mismatch passed")
    } catch {
      #expect(error.exitCode == .verificationFailed && error.code == "digest_mismatch")
    }
  }
}
