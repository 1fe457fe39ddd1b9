import GraphSimulator
import Testing

@testable import aimstors

/// What `aimstors status` puts together: each problem, and each once.
@Suite struct StatusReportTests {
  private typealias ProcessAnswer = StatusCommand.ProcessAnswer

  private func process(
    _ role: String, _ id: String, now: (role: String, id: String)? = nil, _ problems: JSON...
  ) -> ProcessAnswer {
    ProcessAnswer(
      process: ["id": JSON(id), "role": JSON(role)],
      health: [
        "role": JSON(now?.role ?? role), "id": JSON(now?.id ?? id), "problems": .array(problems),
      ])
  }

  private func problem(
    _ code: String, cell: String? = nil, tenant: String? = nil, detail: String = ""
  ) -> JSON {
    let problem: JSON = ["code": JSON(code), "detail": JSON(detail), "since": "2026"]
    return problem.with("cell", cell.map { JSON($0) }).with("tenant", tenant.map { JSON($0) })
  }

  private func told(_ report: JSON) -> [String] {
    (report["problems"]?.array ?? []).map { "\($0.cell("cell")) \($0.cell("code"))" }
  }

  private func report(_ known: [JSON], _ processes: ProcessAnswer...) -> JSON {
    StatusCommand.report(.success(["problems": .array(known)]), processes)
  }

  @Test func `a cell that sends no heartbeat says itself why it does not serve`() {
    let found = report(
      [problem("cell_unreachable", cell: "c-1")],
      process("cell", "c-1", problem("cell_lost")), process("cell", "c-2", problem("cell_ended")))
    #expect(told(found) == ["c-1 cell_unreachable", "c-1 cell_lost", "c-2 cell_ended"])
    #expect(found["ok"]?.bool == false)
  }

  @Test func `of a retired cell only that its process is to be removed is told`() {
    let status: JSON = [
      "problems": [], "cells": [["id": "c-1", "state": "retired"]],
    ]
    let found = StatusCommand.report(
      .success(status),
      [process("cell", "c-1", problem("join_refused"), problem("cell_ended"))])
    #expect(told(found) == ["c-1 cell_ended"])
  }

  @Test func `the control plane's own problems are told, and once`() {
    let plane = process(
      "control_plane", "cp", problem("archive_unreachable"), problem("disk_low", cell: "c"),
      problem("disk_filling"))
    // The cell's disk is another one.
    let found = report(
      [
        problem("disk_low", cell: "c"), problem("archive_unreachable"),
        problem("disk_filling", cell: "c"),
      ], plane)
    #expect(
      told(found)
        == ["c disk_low", "- archive_unreachable", "c disk_filling", "- disk_filling"])
  }

  @Test func `a follower's trouble is told once, as that of a copy`() {
    let known = problem("follower_unwell", cell: "c", detail: "c-b: tenant_stopped: t")
    let found = report(
      [known], process("follower", "c-b", problem("tenant_stopped"), problem("disk_filling")))
    #expect(told(found) == ["c follower_unwell", "c-b disk_filling"])
  }

  @Test func `of two tenants that a cell stopped each is told, and once`() {
    let cell = process(
      "cell", "c", problem("tenant_stopped", tenant: "a"), problem("tenant_stopped", tenant: "b"))
    // The control plane has not heard of the other one yet, or keeps no more of so many.
    let heard = report([problem("tenant_stopped", cell: "c", tenant: "a")], cell)
    #expect(told(heard) == ["c tenant_stopped", "c tenant_stopped"])
    #expect(heard["problems"]?.array?.map { $0.cell("tenant") } == ["a", "b"])
    // Where it is away the cell itself names them.
    let away = CommandFailure(.refused, code: "unreachable", detail: "", isAnswer: false)
    let lines = StatusCommand.text(StatusCommand.report(.failure(away), [cell])).split(
      separator: "\n")
    for tenant in ["a", "b"] {
      #expect(lines.contains { $0.hasPrefix("tenant_stopped") && $0.contains(" \(tenant) ") })
    }
  }

  @Test func `a promoted follower speaks as the cell, a replaced cell as a follower`() {
    let known = [
      problem("disk_low", cell: "c"),
      problem("follower_unwell", cell: "c", detail: "c: primary_silent: since"),
    ]
    let found = report(
      known, process("follower", "c-b", now: ("cell", "c"), problem("disk_low")),
      process("cell", "c", now: ("follower", "c"), problem("primary_silent")))
    #expect(told(found).count == 2)
  }

  @Test(arguments: [
    ("unauthenticated", true, "unauthenticated"),
    ("second_factor_required", true, "second_factor_required"),
    ("http_502", true, "http_502"),
    ("control_plane_unavailable", true, "control_plane_unreachable"),
    ("unreachable", false, "control_plane_unreachable"),
    ("timed_out", false, "control_plane_unreachable"),
  ])
  func `a refusal is told as what it is, a silence as the control plane's`(
    _ code: String, _ isAnswer: Bool, _ told: String
  ) {
    let failure = CommandFailure(.refused, code: code, detail: "why", isAnswer: isAnswer)
    let found = StatusCommand.report(.failure(failure), [process("router", "r")])
    #expect(found["problems"]?[0]?["code"]?.string == told)
    #expect(found["problems"]?[0]?["detail"]?.string == (code == told ? "why" : "\(code): why"))
    #expect(found["ok"]?.bool == false)
  }

  @Test func `where only the control plane's process answers, cells' problems are told once too`() {
    let failure = CommandFailure(.refused, code: "unauthenticated", detail: "", isAnswer: true)
    let found = StatusCommand.report(
      .failure(failure),
      [
        process("cell", "c", problem("disk_low"), problem("join_refused")),
        process("control_plane", "cp", problem("disk_low", cell: "c"), problem("disk_filling")),
      ])
    #expect(
      told(found)
        == ["control_plane unauthenticated", "c disk_low", "- disk_filling", "c join_refused"])
  }
}
