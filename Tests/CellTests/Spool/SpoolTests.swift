import Simulation
import Storage
import Testing
import Wire

@testable import Cell

@Suite("Spool") struct SpoolTests {
  private func spool() throws -> Spool {
    let tenants = DirectTenants(
      schema: CellStoreSchema.schema, clock: SimulatedWallClock(),
      random: SeededRandomSource(seed: 1)
    )
    try tenants.create(.cellStore)
    return Spool(store: tenants)
  }

  private func part(_ body: String, reason: String = "owner_unreachable") -> Aimstors_ProtoSpoolPart
  {
    var part = Aimstors_ProtoSpoolPart()
    part.reason = reason
    part.body = .init(Array(body.utf8))
    part.receivedAtMs = 5
    return part
  }

  private func query(limit: UInt32, after: String = "") -> Aimstors_ProtoSpoolQuery {
    var query = Aimstors_ProtoSpoolQuery()
    query.limit = limit
    query.after = after
    return query
  }

  @Test func `a part delivered twice is stored once, whatever the reason was`() async throws {
    let spool = try spool()
    let first = try await spool.accept(part("a"), trace: "")
    let again = try await spool.accept(part("a", reason: "number_unknown"), trace: "")
    #expect(first == again)
    #expect(try await spool.count() == 1)
  }

  @Test func `pages go through all parts in order of arrival`() async throws {
    let spool = try spool()
    for body in ["a", "b", "c"] { _ = try await spool.accept(part(body), trace: "") }
    let first = try await spool.page(query(limit: 2))
    let second = try await spool.page(query(limit: 2, after: try #require(first.entries.last).id))
    let bodies = (first.entries + second.entries).map {
      String(decoding: $0.part.body, as: UTF8.self)
    }
    #expect(bodies == ["a", "b", "c"])
  }

  @Test func `a removed part is gone and removing it again is harmless`() async throws {
    let spool = try spool()
    var remove = Aimstors_ProtoSpoolRemove()
    remove.ids = [try await spool.accept(part("a"), trace: "")]
    try await spool.remove(remove, trace: "")
    try await spool.remove(remove, trace: "")
    #expect(try await spool.count() == 0)
  }

  @Test func `a malformed identifier is refused by name`() async throws {
    let spool = try spool()
    await #expect(throws: Failure(.invalidIdentifier, "not a quarantine id")) {
      try await spool.page(query(limit: 1, after: "nonsense"))
    }
  }
}
