import Testing
import Wire

@testable import ControlPlane

@Suite("Chunked map") struct ChunkedMapTests {
  private func tenant(_ number: Int, epoch: UInt64 = 1, version: UInt64) throws -> TenantRecord {
    TenantRecord(
      id: TenantID(trusted: "t\(number)"), name: "n", slug: "s\(number)",
      region: RegionID(trusted: "eu"), currency: try #require(Currency("EUR")), timeZone: "UTC",
      tier: "standard", parent: nil, state: .active, reason: "", isProvisioned: true,
      placement: Placement(cell: CellID(trusted: "a"), epoch: Epoch(epoch)), durability: .cell,
      createdAt: .zero,
      version: version)
  }

  private func changes(_ tenants: [TenantRecord], version: UInt64) -> MapChanges {
    var changes = MapChanges()
    changes.tenants = tenants
    changes.version = version
    return changes
  }

  /// Every placement that the chunks hold, by tenant.
  private func placements(_ map: ChunkedMap) -> [String: UInt64] {
    let page = map.page(Array(0..<map.chunkCount), limit: .max)
    return Dictionary(
      page.chunks.flatMap(\.tenants).map { ($0.tenant, $0.epoch) }, uniquingKeysWith: max)
  }

  @Test func `one change changes one chunk and its hash only`() throws {
    var map = ChunkedMap(chunkBytes: 1_000)
    _ = map.apply(changes(try (0..<200).map { try tenant($0, version: 1) }, version: 1))
    #expect(map.chunkCount > 4)
    let before = map.manifest
    let changed = map.apply(changes([try tenant(7, epoch: 2, version: 2)], version: 2))
    let after = map.manifest
    #expect(changed.count == 1)
    #expect(after.mapVersion == 2)
    for index in 0..<map.chunkCount {
      #expect((before.chunkHashes[index] != after.chunkHashes[index]) == changed.contains(index))
    }
    #expect(placements(map)["t7"] == 2)
  }

  @Test func `growing cuts chunks under the limit and loses nothing`() throws {
    var map = ChunkedMap(chunkBytes: 2_000)
    let changed = map.apply(changes(try (0..<1_000).map { try tenant($0, version: 1) }, version: 1))
    #expect(changed == Array(0..<map.chunkCount))
    #expect(placements(map).count == 1_000)
    for chunk in map.page(Array(0..<map.chunkCount), limit: .max).chunks {
      let bytes: [UInt8] = try chunk.serializedBytes()
      #expect(bytes.count <= 2_000)
    }
  }

  @Test func `an older value never replaces a newer one`() throws {
    var map = ChunkedMap()
    _ = map.apply(changes([try tenant(1, epoch: 5, version: 9)], version: 9))
    let changed = map.apply(changes([try tenant(1, epoch: 4, version: 8)], version: 8))
    #expect(changed.isEmpty)
    #expect(placements(map)["t1"] == 5)
    #expect(map.version == 9)
  }

  @Test func `the same content hashes the same, in whatever order it came`() throws {
    var one = ChunkedMap()
    var other = ChunkedMap()
    let (a, b) = (try tenant(1, version: 1), try tenant(2, version: 2))
    _ = one.apply(changes([a, b], version: 2))
    _ = other.apply(changes([b], version: 2))
    _ = other.apply(changes([a], version: 2))
    #expect(one.manifest == other.manifest)
  }

  @Test func `a page carries what fits and at least one chunk`() throws {
    var map = ChunkedMap(chunkBytes: 1_000)
    _ = map.apply(changes(try (0..<200).map { try tenant($0, version: 1) }, version: 1))
    #expect(map.page(Array(0..<map.chunkCount), limit: 1).chunks.count == 1)
    #expect(map.page([9_999], limit: 1).chunks.isEmpty)
  }
}
