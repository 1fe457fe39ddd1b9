import SwiftProtobuf

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The map as a file: `AIMSMAP1`, length and CRC-32 of the rest (little endian), then a
/// `ProtoMapPage` with everything in one chunk.
extension PlacementMap {
  public enum Unreadable: Error, Hashable, Sendable {
    /// Not a map, or cut short.
    case malformed
    /// The bytes are not the ones written.
    case corrupt
  }

  private static let magic = Array("AIMSMAP1".utf8)
  private static let headLength = 20

  public func encoded() throws -> [UInt8] {
    var page = Aimstors_ProtoMapPage()
    page.manifest.mapVersion = version
    page.manifest.chunkCount = UInt32(chunkHashes.count)
    page.manifest.chunkHashes = chunkHashes.map { Data($0) }
    page.chunks = [everything]
    let body: [UInt8] = try page.serializedBytes()
    var bytes = Self.magic
    Self.append(UInt64(body.count), width: 8, to: &bytes)
    Self.append(UInt64(CRC32.of(body)), width: 4, to: &bytes)
    bytes.append(contentsOf: body)
    return bytes
  }

  public init(encoded bytes: [UInt8]) throws(Unreadable) {
    guard bytes.count >= Self.headLength, bytes.starts(with: Self.magic) else { throw .malformed }
    let length = Self.number(bytes[8..<16])
    guard length == UInt64(bytes.count - Self.headLength) else { throw .malformed }
    let body = Array(bytes[Self.headLength...])
    guard UInt64(CRC32.of(body)) == Self.number(bytes[16..<20]) else { throw .corrupt }
    self.init()
    let page: Aimstors_ProtoMapPage
    do {
      page = try Aimstors_ProtoMapPage(serializedBytes: body)
    } catch {
      throw .malformed
    }
    for chunk in page.chunks { merge(chunk, current: true) }
    version = page.manifest.mapVersion
    chunkHashes = page.manifest.chunkHashes.map { [UInt8]($0) }
  }

  private var everything: Aimstors_ProtoMapChunk {
    var chunk = Aimstors_ProtoMapChunk()
    chunk.cells = cells.values.sorted { $0.id < $1.id }.map { cell in
      var proto = Aimstors_ProtoCell()
      proto.id = cell.id.rawValue
      proto.region = cell.region
      proto.address = cell.address
      proto.generation = cell.generation.rawValue
      proto.state = cell.state
      return proto
    }
    chunk.metaApps = metaApps.values.sorted { $0.id < $1.id }.map { app in
      var proto = Aimstors_ProtoMetaApp()
      proto.id = app.id.rawValue
      proto.appSecret = app.secret
      proto.previousAppSecret = app.previousSecret
      proto.verifyToken = app.verifyToken
      proto.tenant = app.tenant?.rawValue ?? ""
      proto.version = app.version
      return proto
    }
    chunk.tenants = (0..<tenants.count).compactMap { index in
      let (small, epoch) = tenants.values(index)
      let cell = cellNames[Int(small >> 8)]
      guard cell != Self.nowhere else { return nil }
      var proto = Aimstors_ProtoTenantPlacement()
      proto.tenant = String(decoding: tenants.key(index), as: UTF8.self)
      proto.cell = cell.rawValue
      proto.epoch = epoch
      proto.state = Self.state(small & 0xFF).rawValue
      return proto
    }
    chunk.claims = (0..<claims.count).compactMap { index in
      let key = claims.key(index)
      guard let kind = ClaimKind.allCases.first(where: { Self.prefix($0) == key.first }) else {
        return nil
      }
      let (small, version) = claims.values(index)
      var proto = Aimstors_ProtoKeyClaim()
      proto.kind = kind.rawValue
      proto.key = String(decoding: key.dropFirst(), as: UTF8.self)
      proto.version = version
      proto.released = small == 0
      if small > 0 { proto.tenant = String(decoding: tenants.key(Int(small) - 1), as: UTF8.self) }
      return proto
    }
    return chunk
  }

  private static func append(_ value: UInt64, width: Int, to bytes: inout [UInt8]) {
    for shift in 0..<width { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * shift))) }
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
