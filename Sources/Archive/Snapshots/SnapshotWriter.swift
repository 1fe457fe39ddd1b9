import Platform
import Storage
import Wire

/// Puts a tenant's files into the archive: media and parts first, the manifest last.
public struct SnapshotWriter: Sendable {
  /// Content of one part.
  static let partBytes = 8 * 1_024 * 1_024

  let archive: Archive
  let files: any FileSystem
  let random: any RandomSource
  /// Where the work stands that nobody waits for.
  private let rank: Blocking.Rank

  /// Where the files that are stored stand in their tenant's history.
  public struct Subject: Sendable {
    public var tenant: TenantID
    public var cell: CellID
    public var generation: Generation
    public var head: TenantHead
    public var takenAt: Timestamp
    public var isBase = false
    public var isFork = false
    public var isImport = false
    public var beginsAt: CellSeq?
    public var files: [TenantSnapshot.File]
    public var media: [SHA256Hash]

    public init(
      tenant: TenantID, cell: CellID, generation: Generation, head: TenantHead,
      takenAt: Timestamp, files: [TenantSnapshot.File], media: [SHA256Hash]
    ) {
      self.tenant = tenant
      self.cell = cell
      self.generation = generation
      self.head = head
      self.takenAt = takenAt
      self.files = files
      self.media = media
    }
  }

  public init(
    archive: Archive, files: any FileSystem, random: any RandomSource,
    rank: Blocking.Rank = .background
  ) {
    self.archive = archive
    self.files = files
    self.random = random
    self.rank = rank
  }

  /// Stores the files in `directory`, and from `mediaDirectory` what the archive lacks.
  public func store(
    _ subject: Subject, from directory: String, media mediaDirectory: String
  ) async throws(ArchiveError) -> SnapshotManifest {
    let name = SnapshotName(
      tenantSeq: subject.head.tenantSeq, lineage: subject.head.lineage, nonce: random.uint64())
    try await storeMedia(subject, mediaDirectory)
    var stored: [SnapshotManifest.File] = []
    var number = 0
    for file in subject.files {
      var parts: [SnapshotManifest.Part] = []
      var offset: UInt64 = 0
      while offset < file.bytes {
        let content = try await read(
          "\(directory)/\(file.name)", at: offset,
          count: Int(min(UInt64(Self.partBytes), file.bytes - offset)))
        try await archive.put(
          ArchiveNames.part(subject.tenant, name.description, number), content, rank)
        parts.append(
          SnapshotManifest.Part(
            number: number, bytes: content.count, sha256: "\(SHA256Hash.of(content))"))
        number += 1
        offset += UInt64(content.count)
      }
      stored.append(
        SnapshotManifest.File(
          kind: file.kind.rawValue, name: file.name, bytes: file.bytes,
          appliedSeq: file.appliedSeq.rawValue, digest: "\(file.digest)", parts: parts))
    }
    let head = subject.head
    let manifest = SnapshotManifest(
      name: name.description, tenant: subject.tenant, cell: subject.cell,
      generation: subject.generation, cellSeq: head.cellSeq, lineage: head.lineage,
      tenantSeq: head.tenantSeq, hash: "\(head.hash)",
      epoch: subject.isImport ? head.armed : head.epoch, time: head.time,
      schemaVersion: head.schemaVersion, takenAt: subject.takenAt, isBase: subject.isBase,
      isFork: subject.isFork, isImport: subject.isImport ? true : nil,
      cameFrom: subject.isImport ? head.counterpart : nil,
      leaving: head.ownership == .moving ? head.counterpart : nil,
      beginsAt: subject.beginsAt, files: stored, media: subject.media.map(\.description).sorted())
    try await archive.put(
      ArchiveNames.manifest(subject.tenant, manifest.name), try ArchiveJSON.encode(manifest))
    return manifest
  }

  private func storeMedia(
    _ subject: Subject, _ directory: String
  ) async throws(ArchiveError) {
    guard !subject.media.isEmpty else { return }
    let media = ArchivedMedia(archive, of: subject.tenant)
    let known = try await media.hashes()
    for hash in subject.media where !known.contains(hash) {
      try await media.put(hash, try await read("\(directory)/\(hash)", at: 0, count: nil), rank)
    }
  }

  private func read(
    _ path: String, at offset: UInt64, count: Int?
  ) async throws(ArchiveError) -> [UInt8] {
    let files = files
    return try await ArchiveThread.run(as: rank, otherwise: { .incomplete($0) }) {
      let file = try files.open(path, .read)
      defer { file.close() }
      let wanted = try count ?? Int(file.length())
      let content = try file.bytes(at: offset, count: wanted)
      guard content.count == wanted else { throw ArchiveError.incomplete("\(path) was cut") }
      return content
    }
  }
}
