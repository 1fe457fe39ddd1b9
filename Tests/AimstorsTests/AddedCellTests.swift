import Foundation
import GraphSimulator
import Testing
import Wire

@testable import aimstors

/// What `cell add` leaves for `up`, and when that ends.
@Suite struct AddedCellTests {
  private func entry(_ id: String, _ region: String) -> AddedCells.Entry {
    AddedCells.Entry(id: CellID(trusted: id), region: RegionID(trusted: region))
  }

  @Test func `entries are found again, each once, and what is none is in nobody's way`() throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("aimstors-added-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try PrivateFile.createDirectory(directory)
    let added = AddedCells(dataDirectory: directory)
    #expect(try added.all().isEmpty)
    try added.add(entry("cell-b", "eu"))
    try added.add(entry("cell-a", "us"))
    try added.add(entry("cell-a", "us"))
    #expect(try added.all() == [entry("cell-a", "us"), entry("cell-b", "eu")])
    added.remove(CellID(trusted: "cell-a"))
    try PrivateFile.write(Array("nonsense".utf8), to: directory + "/added-cells/cell-c.json")
    try PrivateFile.write(
      Array(#"{"region":"no such thing"}"#.utf8), to: directory + "/added-cells/cell-d.json")
    #expect(try added.all() == [entry("cell-b", "eu")])
  }

  @Test func `a retired cell stops once its spool has been empty for a minute`() {
    let (one, two) = (CellID(trusted: "one"), CellID(trusted: "two"))
    var retirements = Retirements()
    #expect(retirements.gone([one], waiting: [], at: 0).isEmpty)
    // A part that came late has to be taken first.
    #expect(retirements.gone([one], waiting: [one], at: 50_000).isEmpty)
    #expect(retirements.gone([one, two], waiting: [], at: 60_000).isEmpty)
    #expect(retirements.gone([one, two], waiting: [], at: 110_000) == [one])
    #expect(retirements.gone([one, two], waiting: [], at: 120_000) == [one, two])
  }
}

/// `cell add` on real processes: after the other systems of this suite, and not beside them.
extension RunScriptTests {
  @Test func `an added cell serves, is there after a restart, and is gone once it has retired`()
    async throws
  {
    let system = try LiveSystem()
    defer { system.remove() }
    let early = try await system.verb("cell", "add", "cell-9")
    #expect(early.status == 2 && early.output.contains("not_running"), "\(early.output)")

    let started = try await system.script("--debug", "--detach")
    try #require(started.status == 0, "\(started.output)")
    let added = try await system.verb("cell", "add", "cell-9", "--json")
    #expect(added.status == 0 && added.json["alive"]?.bool == true, "\(added.output)")
    let other = try await system.verb("cell", "add", "router-1")
    #expect(other.status == 1 && other.output.contains("conflict"), "\(other.output)")
    let nowhere = try await system.verb("cell", "add", "cell-8", "--region", "no such thing")
    #expect(nowhere.status == 2, "\(nowhere.output)")
    let remote = try await system.verb(
      "cell", "add", "cell-8", "--admin-url", "http://localhost:1")
    #expect(remote.status != 0, "\(remote.output)")
    let twice = try await system.verb("cell", "add", "cell-9")
    #expect(twice.status == 1 && twice.output.contains("conflict"), "\(twice.output)")
    let tenant = try #require(try system.local()["demo"]?[0]).cell("tenant_id")
    let moved = try await system.verb(
      "tenant", "move", tenant, "--to", "cell-9", "--wait", "--json")
    #expect(moved.json["state"]?.string == "succeeded", "\(moved.output)")
    #expect(try await system.script("--stop").status == 0)

    let again = try await system.script("--debug", "--detach")
    try #require(again.status == 0, "\(again.output)")
    let served = try await system.verb("wallet", "show", "--tenant", tenant, "--json")
    #expect(served.status == 0, "\(served.output)")
    let drained = try await system.verb("cell", "drain", "cell-9", "--wait", "--json")
    #expect(drained.json["state"]?.string == "succeeded", "\(drained.output)")
    let retired = try await system.verb("cell", "retire", "cell-9", "--json")
    #expect(retired.status == 0, "\(retired.output)")
    // It still runs: a router may have stored something there a moment ago.
    let running = try system.local()["processes"]?.array ?? []
    #expect(running.contains { $0.cell("id") == "cell-9" })
    #expect(try await system.script("--stop").status == 0)

    let last = try await system.script("--debug", "--detach")
    try #require(last.status == 0, "\(last.output)")
    let left = try system.local()["processes"]?.array ?? []
    #expect(!left.isEmpty && !left.contains { $0.cell("id") == "cell-9" })
    #expect(try await system.script("--stop").status == 0)
  }
}
