import Foundation
import GraphSimulator
import Testing
import Wire

@testable import aimstors

/// `cell add`: one more cell beside a running system, on its real processes.
@Suite(.serialized) struct AddedCellTests {
  @Test func `entries are found again, each once, and a file that is none is named`() throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("aimstors-added-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try PrivateFile.createDirectory(directory)
    let added = AddedCells(dataDirectory: directory)
    #expect(try added.all().isEmpty)
    try added.add(.init(id: "cell-b", region: "eu"))
    try added.add(.init(id: "cell-a", region: "us"))
    try added.add(.init(id: "cell-a", region: "us"))
    #expect(try added.all().map(\.id) == ["cell-a", "cell-b"])
    added.remove(CellID(trusted: "cell-a"))
    #expect(try added.all() == [.init(id: "cell-b", region: "eu")])
    try PrivateFile.write(Array("nonsense".utf8), to: directory + "/added-cells/cell-c.json")
    #expect(throws: CommandFailure.self) { try added.all() }
  }

  @Test func `an added cell serves, is there after a restart, and is gone once it has retired`()
    async throws
  {
    let system = try LiveSystem()
    defer { system.remove() }
    let nowhere = try await system.verb("cell", "add", "cell-9")
    #expect(nowhere.status == 2 && nowhere.output.contains("not_running"), "\(nowhere.output)")

    #expect(try await system.script("--debug", "--detach").status == 0)
    let added = try await system.verb("cell", "add", "cell-9", "--json")
    #expect(added.status == 0 && added.json["alive"]?.bool == true, "\(added.output)")
    let twice = try await system.verb("cell", "add", "cell-9")
    #expect(twice.status == 1 && twice.output.contains("conflict"), "\(twice.output)")
    let tenant = try #require(try system.local()["demo"]?[0]).cell("tenant_id")
    let moved = try await system.verb(
      "tenant", "move", tenant, "--to", "cell-9", "--wait", "--json")
    #expect(moved.json["state"]?.string == "succeeded", "\(moved.output)")
    #expect(try await system.script("--stop").status == 0)

    let again = try await system.script("--debug", "--detach")
    #expect(again.status == 0, "\(again.output)")
    let served = try await system.verb("wallet", "show", "--tenant", tenant, "--json")
    #expect(served.status == 0, "\(served.output)")
    let drained = try await system.verb("cell", "drain", "cell-9", "--wait", "--json")
    #expect(drained.json["state"]?.string == "succeeded", "\(drained.output)")
    let retired = try await system.verb("cell", "retire", "cell-9", "--json")
    #expect(retired.status == 0, "\(retired.output)")
    #expect(
      try FileManager.default.contentsOfDirectory(
        atPath: system.data + "/added-cells"
      ).isEmpty)
    while try system.local()["processes"]?.array?.contains(where: { $0.cell("id") == "cell-9" })
      == true
    {
      try await Task.sleep(for: .milliseconds(100))
    }
    #expect(try await system.script("--stop").status == 0)
  }
}
