import SwiftProtobuf

extension PlacementMap {
  /// Largest chunk accepted, in bytes: the maker cuts at 256 KiB, before its last entry.
  public static let chunkLimit = 512 * 1024

  public enum Rejected: Error, Hashable, Sendable {
    case malformed
    /// A chunk is over ``chunkLimit``.
    case tooLarge(bytes: Int)
    /// A chunk is not the one that the manifest names.
    case wrongHash(chunk: Int)
  }

  /// Takes an encoded `ProtoMapPage` in: all of its chunks, or nothing where one is wrong.
  ///
  /// Answers the page's manifest. `hash` is SHA-256, over a chunk's bytes as they came: a newer
  /// control plane may put fields in that this version does not know.
  @discardableResult public mutating func merge(
    page bytes: [UInt8], hash: ([UInt8]) -> [UInt8]
  ) throws(Rejected) -> Aimstors_ProtoMapManifest {
    var manifest = Aimstors_ProtoMapManifest()
    var chunks: [(chunk: Aimstors_ProtoMapChunk, hash: [UInt8])] = []
    do {
      var fields = ProtoScanner(bytes)
      while let (number, field) = try fields.next() {
        guard case .bytes(let range) = field else { continue }
        let raw = Array(bytes[range])
        if number == 1 { manifest = try Aimstors_ProtoMapManifest(serializedBytes: raw) }
        if number == 2 {
          guard raw.count <= Self.chunkLimit else { throw Rejected.tooLarge(bytes: raw.count) }
          chunks.append((try Aimstors_ProtoMapChunk(serializedBytes: raw), hash(raw)))
        }
      }
    } catch let rejected as Rejected {
      throw rejected
    } catch {
      throw .malformed
    }
    for (chunk, hash) in chunks {
      let index = Int(chunk.index)
      guard manifest.chunkHashes.indices.contains(index),
        manifest.chunkHashes[index].elementsEqual(hash)
      else { throw .wrongHash(chunk: index) }
    }
    if chunkHashes.count != manifest.chunkHashes.count {
      chunkHashes = Array(repeating: [], count: manifest.chunkHashes.count)
    }
    let current = manifest.mapVersion >= version
    for (chunk, hash) in chunks {
      merge(chunk, current: current)
      chunkHashes[Int(chunk.index)] = hash
    }
    version = max(version, manifest.mapVersion)
    return manifest
  }

  mutating func merge(_ chunk: Aimstors_ProtoMapChunk, current: Bool) {
    for cell in chunk.cells { merge(cell, current: current) }
    for app in chunk.metaApps { merge(app) }
    for tenant in chunk.tenants {
      guard TenantID(tenant.tenant) != nil, let cell = CellID(tenant.cell) else { continue }
      put(
        tenant.tenant, cell: cell, epoch: tenant.epoch,
        state: TenantState(rawValue: tenant.state) ?? .active, current: current)
    }
    for claim in chunk.claims {
      // A kind that a newer control plane knows is none of this version's look-ups.
      guard let kind = ClaimKind(rawValue: claim.kind) else { continue }
      let holder = claim.released ? "" : claim.tenant
      guard holder.isEmpty || TenantID(holder) != nil else { continue }
      putClaim(kind, claim.key, holder: holder, version: claim.version)
    }
  }

  private mutating func merge(_ proto: Aimstors_ProtoCell, current: Bool) {
    guard let id = CellID(proto.id) else { return }
    let generation = Generation(proto.generation)
    if let known = cells[id] {
      guard generation > known.generation || (generation == known.generation && current) else {
        return
      }
    }
    cells[id] = Cell(
      id: id, region: proto.region, address: proto.address, generation: generation,
      state: proto.state)
  }

  private mutating func merge(_ proto: Aimstors_ProtoMetaApp) {
    guard let id = MetaAppID(proto.id), metaApps[id].map({ $0.version < proto.version }) ?? true
    else { return }
    metaApps[id] = MetaApp(
      id: id, secret: proto.appSecret, previousSecret: proto.previousAppSecret,
      verifyToken: proto.verifyToken,
      tenant: proto.tenant.isEmpty ? nil : TenantID(trusted: proto.tenant), version: proto.version)
  }
}
