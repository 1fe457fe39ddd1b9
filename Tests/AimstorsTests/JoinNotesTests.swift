import Foundation
import GraphSimulator
import Platform
import Storage
import Testing
import Wire

@testable import aimstors

/// Which cells need a token to join by, and what becomes of one that gets none.
@Suite struct JoinNotesTests {
  private static func withCell(_ body: (ProcessPlan) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("aimstors-joins-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try body(plan(.cell, directory))
  }

  private static func plan(_ role: ProcessPlan.Role, _ directory: String) -> ProcessPlan {
    ProcessPlan(
      role: role, id: "cell-1", dataDirectory: directory, healthURL: "", configuration: [:])
  }

  private static func beginJournal(_ cell: ProcessPlan) throws {
    try JournalSeed.write(
      dataDirectory: cell.dataDirectory, cell: CellID(trusted: "cell-1"), generation: .first,
      after: .start, files: LiveFileSystem())
  }

  @Test func `a cell that was noted to have joined needs no token, a lost disk is no such cell`()
    throws
  {
    try Self.withCell { cell in
      let notes = JoinNotes()
      #expect(try notes.need(of: cell) == .token)
      try Self.beginJournal(cell)
      #expect(try notes.need(of: cell) == .perhaps)
      try notes.note(cell)
      #expect(try notes.need(of: cell) == .nothing)
      try FileManager.default.removeItem(atPath: cell.dataDirectory + "/journal")
      #expect(try notes.need(of: cell) == .token)
    }
  }

  @Test func `who has served goes on without a token, who begins anew waits or says so`() {
    for isAway in [true, false] {
      #expect(JoinNeed.nothing.withoutToken(isAway: isAway) == .starts)
      #expect(JoinNeed.perhaps.withoutToken(isAway: isAway) == .starts)
    }
    #expect(JoinNeed.token.withoutToken(isAway: true) == .waits)
    #expect(JoinNeed.token.withoutToken(isAway: false) == .startsBare)
  }

  @Test func `without the control plane nothing is of use where all are new cells`() throws {
    try Self.withCell { cell in
      let notes = JoinNotes()
      #expect(try notes.areAllNew([cell]))
      #expect(try !notes.areAllNew([]))
      #expect(try !notes.areAllNew([cell, Self.plan(.follower, "/none")]))
      #expect(try !notes.areAllNew([Self.plan(.router, "/none"), cell]))
      try Self.beginJournal(cell)
      #expect(try !notes.areAllNew([cell]))
    }
  }

  private func tokens(_ access: Result<AdminAccess, CommandFailure>) -> CellTokens {
    CellTokens(
      bootstrap: Bootstrap(
        access: access, adminHost: "admin.localhost", secrets: .sample, directory: "/none"),
      notes: JoinNotes())
  }

  @Test func `where nobody can be asked a new cell is started all the same, and the reason told`()
    async throws
  {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("aimstors-joins-\(UUID().uuidString)").path
    let cell = Self.plan(.cell, directory)
    let refused = tokens(.failure(CommandFailure(.usage, code: "no_address", detail: "set it")))
    let filled = try await refused.fill([cell], isAway: false)
    #expect(filled.bare == [cell] && filled.now.isEmpty && filled.later.isEmpty)
    #expect(filled.troubles.map(\.failure.code) == ["no_address"])

    let away = try await refused.fill([cell], isAway: true)
    #expect(away.later == [cell] && away.troubles.isEmpty)
  }

  @Test func `a cell that has joined is started without asking anybody`() async throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("aimstors-joins-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let cell = Self.plan(.cell, directory)
    try Self.beginJournal(cell)
    try JoinNotes().note(cell)
    let nobody = tokens(.failure(CommandFailure(.usage, code: "no_address", detail: "set it")))
    let filled = try await nobody.fill([cell], isAway: false)
    #expect(filled.now == [cell] && filled.troubles.isEmpty)
  }

  @Test func `what changes in local_json is told once`() {
    let head = LocalHead(["demo": []])
    #expect(!head.takeChange())
    head.set("demo", ["x"])
    #expect(head.takeChange() && !head.takeChange())
    #expect(head.json["demo"]?[0]?.string == "x")
  }
}
