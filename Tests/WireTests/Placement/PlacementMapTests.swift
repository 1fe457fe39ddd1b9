import Foundation
import SwiftProtobuf
import Testing
import Wire

@Suite("Placement map") struct PlacementMapTests {
  /// Stands in for SHA-256: 32 bytes that depend on every byte.
  private func hash(_ bytes: [UInt8]) -> [UInt8] {
    (0..<8).flatMap { salt in
      withUnsafeBytes(of: CRC32.of([UInt8(salt)] + bytes)) { Array($0) }
    }
  }

  private func tenant(_ id: String, _ cell: String, _ epoch: UInt64, _ state: String = "active")
    -> Aimstors_ProtoTenantPlacement
  {
    .with {
      $0.tenant = id
      $0.cell = cell
      $0.epoch = epoch
      $0.state = state
    }
  }

  private func claim(
    _ kind: String, _ key: String, _ tenant: String, _ version: UInt64, released: Bool = false
  ) -> Aimstors_ProtoKeyClaim {
    .with {
      $0.kind = kind
      $0.key = key
      $0.tenant = tenant
      $0.version = version
      $0.released = released
    }
  }

  private func page(_ version: UInt64, _ chunks: [Aimstors_ProtoMapChunk]) throws -> [UInt8] {
    var page = Aimstors_ProtoMapPage()
    page.manifest.mapVersion = version
    page.manifest.chunkCount = UInt32(chunks.count)
    for (index, chunk) in chunks.enumerated() {
      var chunk = chunk
      chunk.index = UInt32(index)
      chunk.mapVersion = version
      page.chunks.append(chunk)
      page.manifest.chunkHashes.append(Data(hash(try chunk.serializedBytes())))
    }
    return try page.serializedBytes()
  }

  private func map(_ tenants: [Aimstors_ProtoTenantPlacement], version: UInt64 = 1) throws
    -> PlacementMap
  {
    var map = PlacementMap()
    try map.merge(page: page(version, [.with { $0.tenants = tenants }]), hash: hash)
    return map
  }

  private let acme = TenantID(trusted: "acme")

  @Test func `a page brings placements, claims, cells and apps`() throws {
    var map = PlacementMap()
    let chunk = Aimstors_ProtoMapChunk.with {
      $0.tenants = [tenant("acme", "a", 3, "suspended")]
      // A claim may come before its tenant's placement.
      $0.claims = [
        claim("phone_number", "106", "acme", 4), claim("waba", "106", "later", 5),
        claim("host", "chat.acme.test", "acme", 6), claim("unheard_of", "x", "acme", 7),
      ]
      $0.cells = [.with { ($0.id, $0.address, $0.generation) = ("a", "tcp://h:1", 2) }]
      $0.metaApps = [.with { ($0.id, $0.appSecret, $0.version) = ("default", "s", 1) }]
    }
    try map.merge(page: page(9, [chunk]), hash: hash)
    #expect(map.version == 9)
    #expect(
      map.placement(of: acme)
        == .init(cell: CellID(trusted: "a"), epoch: Epoch(3), state: .suspended))
    #expect(map.tenant(holding: .phoneNumber, "106") == acme)
    #expect(map.tenant(holding: .waba, "106") == TenantID(trusted: "later"))
    #expect(map.tenant(holding: .host, "chat.acme.test") == acme)
    #expect(map.tenant(holding: .slug, "106") == nil)
    #expect(map.placement(of: TenantID(trusted: "later")) == nil)
    #expect(map.cells[CellID(trusted: "a")]?.address == "tcp://h:1")
    #expect(map.metaApps[MetaAppID(trusted: "default")]?.secret == "s")
  }

  @Test func `an epoch is never lowered, whatever the page's version`() throws {
    var map = try map([tenant("acme", "b", 5)])
    try map.merge(page: page(7, [.with { $0.tenants = [tenant("acme", "a", 4)] }]), hash: hash)
    #expect(map.placement(of: acme)?.cell == CellID(trusted: "b"))
    #expect(map.placement(of: acme)?.epoch == Epoch(5))
  }

  @Test func `at an equal epoch only a newer page changes the state`() throws {
    var map = try map([tenant("acme", "a", 1)], version: 5)
    try map.merge(
      page: page(4, [.with { $0.tenants = [tenant("acme", "a", 1, "suspended")] }]), hash: hash)
    #expect(map.placement(of: acme)?.state == .active)
    try map.merge(
      page: page(6, [.with { $0.tenants = [tenant("acme", "a", 1, "suspended")] }]), hash: hash)
    #expect(map.placement(of: acme)?.state == .suspended)
  }

  @Test func `a learned placement holds until the control plane names a higher epoch`() throws {
    var map = try map([tenant("acme", "a", 1, "read_only")])
    let newer = map.learn(acme, at: CellID(trusted: "b"), epoch: Epoch(2))
    let older = map.learn(acme, at: CellID(trusted: "c"), epoch: Epoch(1))
    #expect(newer)
    #expect(!older)
    try map.merge(page: page(9, [.with { $0.tenants = [tenant("acme", "a", 1)] }]), hash: hash)
    #expect(
      map.placement(of: acme)
        == .init(cell: CellID(trusted: "b"), epoch: Epoch(2), state: .readOnly))
  }

  @Test func `who holds a key and is not placed is no tenant of the map, nor is one of old claims`()
    throws
  {
    var map = PlacementMap()
    let chunk = Aimstors_ProtoMapChunk.with {
      $0.tenants = [tenant("acme", "a", 1)]
      $0.claims = [
        claim("slug", "shop", "later", 3), claim("slug", "shop", "acme", 4),
        claim("slug", "shop", "before", 2), claim("host", "shop.test", "unplaced", 1),
      ]
    }
    try map.merge(page: page(1, [chunk]), hash: hash)
    #expect(map.tenantCount == 1 && map.claimCount == 2)
    let read = try PlacementMap(encoded: map.encoded())
    #expect(read.tenantCount == 1 && read.claimCount == 2)
    let placed = Aimstors_ProtoMapChunk.with {
      $0.tenants = [tenant("unplaced", "b", 1), tenant("later", "a", 1)]
    }
    try map.merge(page: page(2, [placed]), hash: hash)
    #expect(map.tenantCount == 3)
    #expect(map.tenant(holding: .host, "shop.test") == TenantID(trusted: "unplaced"))
  }

  @Test func `claims go up in version only, releases included`() throws {
    var map = PlacementMap()
    for (version, item) in [
      claim("slug", "acme", "acme", 3), claim("slug", "acme", "evil", 2),
      claim("slug", "gone", "acme", 4), claim("slug", "gone", "acme", 5, released: true),
      claim("slug", "gone", "acme", 4),
    ].enumerated() {
      try map.merge(page: page(UInt64(version), [.with { $0.claims = [item] }]), hash: hash)
    }
    #expect(map.tenant(holding: .slug, "acme") == acme)
    #expect(map.tenant(holding: .slug, "gone") == nil)
  }

  @Test func `a page with a wrong chunk changes nothing`() throws {
    var map = try map([tenant("acme", "a", 1)])
    let good = try page(9, [.with { $0.tenants = [tenant("acme", "b", 2)] }])
    var damaged = good
    // The last byte belongs to the chunk.
    damaged[damaged.count - 1] ^= 1
    #expect(throws: PlacementMap.Rejected.self) { try map.merge(page: damaged, hash: hash) }
    #expect(throws: PlacementMap.Rejected.self) {
      try map.merge(page: Array(good.dropLast(3)), hash: hash)
    }
    #expect(map.placement(of: acme)?.epoch == Epoch(1))
    try map.merge(page: good, hash: hash)
    #expect(map.placement(of: acme)?.epoch == Epoch(2))
  }

  @Test func `missing names the chunks that differ`() throws {
    var map = PlacementMap()
    let bytes = try page(1, [.with { $0.tenants = [tenant("a", "x", 1)] }, .init(), .init()])
    let manifest = try Aimstors_ProtoMapPage(serializedBytes: bytes).manifest
    #expect(map.missing(from: manifest) == [0, 1, 2])
    try map.merge(page: bytes, hash: hash)
    #expect(map.missing(from: manifest) == [])
    var changed = manifest
    changed.chunkHashes[1] = Data([1])
    #expect(map.missing(from: changed) == [1])
  }

  @Test func `the file reads back whole, and every damaged byte is noticed`() throws {
    var map = try map([tenant("acme", "a", 3, "suspended"), tenant("zoe", "b", 1)], version: 12)
    try map.merge(
      page: page(
        13,
        [
          .with {
            $0.claims = [
              claim("waba", "77", "acme", 2), claim("slug", "g", "zoe", 3, released: true),
            ]
            $0.cells = [.with { ($0.id, $0.address) = ("a", "tcp://h:1") }]
            $0.metaApps = [.with { ($0.id, $0.verifyToken, $0.tenant) = ("m", "v", "acme") }]
          }
        ]), hash: hash)
    let bytes = try map.encoded()
    let read = try PlacementMap(encoded: bytes)
    #expect(read.version == 13)
    #expect(read.placement(of: acme) == map.placement(of: acme))
    #expect(read.tenant(holding: .waba, "77") == acme)
    #expect(read.tenant(holding: .slug, "g") == nil)
    #expect(read.cells == map.cells)
    #expect(read.metaApps == map.metaApps)
    #expect(read.chunkHashes == map.chunkHashes)
    #expect(try read.encoded() == bytes)
    for index in bytes.indices {
      var damaged = bytes
      damaged[index] ^= 0x40
      #expect(throws: PlacementMap.Unreadable.self) { try PlacementMap(encoded: damaged) }
    }
    #expect(throws: PlacementMap.Unreadable.malformed) {
      try PlacementMap(encoded: Array(bytes.dropLast()))
    }
  }

  @Test func `a tenant takes at most 60 bytes, and each of many is found`() throws {
    var map = PlacementMap()
    let count = 50_000
    func id(_ number: Int) -> String {
      "t" + String(String(1_000_000_000_000 + number).suffix(12))
    }
    let chunk = Aimstors_ProtoMapChunk.with {
      $0.tenants = (0..<count).map { tenant(id($0), "cell-\($0 % 40)", 1) }
    }
    var small = PlacementMap()
    try small.merge(page: page(1, [.with { $0.tenants = [tenant(id(0), "a", 1)] }]), hash: hash)
    // Chunks are limited, so the table is filled by several.
    for start in stride(from: 0, to: count, by: 5_000) {
      let part = Aimstors_ProtoMapChunk.with {
        $0.tenants = Array(chunk.tenants[start..<start + 5_000])
      }
      try map.merge(page: page(1, [part]), hash: hash)
    }
    #expect(map.tenantCount == count)
    #expect(map.memoryBytes.tenants / count <= 60)
    let lost = (0..<count).filter { map.placement(of: TenantID(trusted: id($0))) == nil }
    #expect(lost.isEmpty)
  }
}
