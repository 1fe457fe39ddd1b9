import Foundation
import Testing
import Wire

/// The router's map, from its disk and from a control plane of another version.
@Suite("Placement map, fuzzed", .serialized) struct MapFuzzTests {
  private static let chunk: Aimstors_ProtoMapChunk = {
    var chunk = Aimstors_ProtoMapChunk()
    for (id, cell) in [("acme", "eu-1"), ("t-2", "eu-2"), ("a-longer-tenant-name", "eu-1")] {
      var tenant = Aimstors_ProtoTenantPlacement()
      tenant.tenant = id
      tenant.cell = cell
      tenant.epoch = 3
      tenant.state = "active"
      chunk.tenants.append(tenant)
    }
    for (kind, key) in [("phone_number", "1055512345"), ("waba", "99887766"), ("slug", "acme")] {
      var claim = Aimstors_ProtoKeyClaim()
      claim.kind = kind
      claim.key = key
      claim.tenant = "acme"
      claim.version = 5
      chunk.claims.append(claim)
    }
    var cell = Aimstors_ProtoCell()
    cell.id = "eu-1"
    cell.region = "eu"
    cell.address = "tcp://127.0.0.1:7001"
    cell.generation = 1
    cell.state = "active"
    chunk.cells = [cell]
    var app = Aimstors_ProtoMetaApp()
    app.id = "default"
    app.appSecret = "secret"
    app.verifyToken = "verify"
    chunk.metaApps = [app]
    return chunk
  }()

  /// A page whose chunk hashes to nothing, as the test's hash says of every chunk.
  private static let page: [UInt8] = {
    var page = Aimstors_ProtoMapPage()
    page.manifest.mapVersion = 7
    page.manifest.chunkCount = 1
    page.manifest.chunkHashes = [Data()]
    page.chunks = [chunk]
    return (try? page.serializedBytes()) ?? []
  }()

  private static let file: [UInt8] = {
    var map = PlacementMap()
    _ = try? map.merge(page: page) { _ in [] }
    return (try? map.encoded()) ?? []
  }()

  /// Asks the map for what may and may not be in it.
  private static func ask(_ map: PlacementMap, _ input: [UInt8]) {
    #expect(map.tenantCount <= input.count && map.claimCount <= input.count)
    #expect(map.memoryBytes.tenants <= 4_096 + 8 * input.count)
    _ = map.placement(of: TenantID(trusted: "acme"))
    _ = map.placement(of: TenantID(trusted: "nobody"))
    _ = map.tenant(holding: .phoneNumber, "1055512345")
    _ = map.tenant(holding: .slug, "")
  }

  @Test func `a map file of any bytes is read or refused`() throws {
    try Fuzzing.run(Mutator([Self.file], seed: 6)) { input, mutator in
      var bytes = input
      if !mutator.chance(4), bytes.count > 20 {
        bytes.put(UInt64(bytes.count - 20), width: 8, at: 8)
        bytes.put(UInt64(CRC32.of(Array(bytes[20...]))), width: 4, at: 16)
      }
      guard let map = try? PlacementMap(encoded: bytes) else { return false }
      Self.ask(map, bytes)
      guard mutator.chance(8) else { return true }
      // What was understood is written and read again without loss.
      let again = try PlacementMap(encoded: map.encoded())
      #expect(again.tenantCount == map.tenantCount && again.claimCount == map.claimCount)
      #expect(again.cells == map.cells && again.metaApps == map.metaApps)
      return true
    }
  }

  @Test func `a page of any bytes is merged or refused`() {
    Fuzzing.run(Mutator([Self.page], seed: 7)) { input, _ in
      var map = PlacementMap()
      guard (try? map.merge(page: input) { _ in [] }) != nil else {
        #expect(map.tenantCount == 0 && map.version == 0)
        return false
      }
      Self.ask(map, input)
      return true
    }
  }
}
