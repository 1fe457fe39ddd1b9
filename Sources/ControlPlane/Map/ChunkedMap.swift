import SwiftProtobuf
import Wire

/// The placement map cut into chunks: decides which chunk an entry is in and what each one hashes
/// to.
///
/// An entry stands in the chunk of its key's hash. When a chunk grows over its limit the number of
/// chunks doubles and everything is cut anew: a rare, full publication. Which chunk an entry is in
/// means nothing to receivers, who merge entries by epoch and version.
struct ChunkedMap: Sendable {
  private struct Chunk: Sendable {
    var entries: [MapEntry.Key: MapEntry] = [:]
    var version: UInt64 = 0
    var proto = Aimstors_ProtoMapChunk()
    var bytes = 0
    var hash: [UInt8] = []
  }

  /// The platform's version up to which this map is complete.
  private(set) var version: UInt64 = 0
  private var chunks: [Chunk]
  private let chunkBytes: Int

  init(chunkBytes: Int = ControlPlaneLimits.mapChunkBytes) {
    self.chunkBytes = chunkBytes
    chunks = [Chunk()]
    encode(0)
  }

  var chunkCount: Int { chunks.count }
  var entryCount: Int { chunks.reduce(0) { $0 + $1.entries.count } }

  /// Takes changes in; answers the indices of the chunks that differ now, rising.
  ///
  /// Older values of an entry than the one held change nothing.
  mutating func apply(_ changes: MapChanges) -> [Int] {
    version = max(version, changes.version)
    let entries =
      changes.cells.map(MapEntry.cell) + changes.metaApps.map(MapEntry.metaApp)
      + changes.tenants.map(MapEntry.tenant) + changes.claims.map(MapEntry.claim)
    var changed: Set<Int> = []
    for entry in entries {
      let index = index(of: entry.key)
      if let known = chunks[index].entries[entry.key], known.version >= entry.version { continue }
      chunks[index].entries[entry.key] = entry
      chunks[index].version = max(chunks[index].version, entry.version)
      changed.insert(index)
    }
    for index in changed { encode(index) }
    if grow() { return Array(chunks.indices) }
    return changed.sorted()
  }

  var manifest: Aimstors_ProtoMapManifest {
    var manifest = Aimstors_ProtoMapManifest()
    manifest.mapVersion = version
    manifest.chunkCount = UInt32(chunks.count)
    manifest.chunkHashes = chunks.map { .init($0.hash) }
    return manifest
  }

  /// The chunks asked for, as many as fit in one message; unknown indices are left out.
  func page(_ indices: [Int], limit: Int = ControlPlaneLimits.mapPageBytes)
    -> Aimstors_ProtoMapPage
  {
    var page = Aimstors_ProtoMapPage()
    page.manifest = manifest
    var bytes = 0
    for index in indices where chunks.indices.contains(index) {
      bytes += chunks[index].bytes
      if bytes > limit, !page.chunks.isEmpty { break }
      page.chunks.append(chunks[index].proto)
    }
    return page
  }

  func entry(_ key: MapEntry.Key) -> MapEntry? { chunks[index(of: key)].entries[key] }

  private func index(of key: MapEntry.Key) -> Int {
    // FNV-1a: the same in every process and run, unlike Swift's own hash.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    func add(_ text: String) {
      for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }
    switch key {
    // Few, and changed together with nothing else: the first chunk.
    case .cell, .metaApp: return 0
    case .tenant(let id): add(id.rawValue)
    case .claim(let kind, let name):
      add(kind)
      add(name)
    }
    return Int((hash ^ hash >> 32) & UInt64(chunks.count - 1))
  }

  private mutating func encode(_ index: Int) {
    var proto = Aimstors_ProtoMapChunk()
    proto.index = UInt32(index)
    proto.mapVersion = chunks[index].version
    let entries = chunks[index].entries
    for key in entries.keys.sorted() { entries[key]?.append(to: &proto) }
    // A message without extensions or required fields always encodes.
    let bytes: [UInt8] = (try? proto.serializedBytes()) ?? []
    chunks[index].proto = proto
    chunks[index].bytes = bytes.count
    chunks[index].hash = Digests.sha256(bytes)
  }

  /// Doubles the number of chunks until each is under the limit; answers whether it did.
  private mutating func grow() -> Bool {
    var grown = false
    while chunks.contains(where: { $0.bytes > chunkBytes && $0.entries.count > 1 }),
      chunks.count < Self.chunkLimit
    {
      grown = true
      let all = chunks.flatMap(\.entries.values)
      chunks = Array(repeating: Chunk(), count: chunks.count * 2)
      for entry in all {
        let index = index(of: entry.key)
        chunks[index].entries[entry.key] = entry
        chunks[index].version = max(chunks[index].version, entry.version)
      }
      for index in chunks.indices { encode(index) }
    }
    return grown
  }

  /// 65,536 chunks of 256 KiB are 16 GiB of map: beyond any deployment, and an end to doubling for
  /// a chunk that cannot be cut.
  private static let chunkLimit = 1 << 16
}
