import Platform
import Storage
import Wire

/// The archive of one deployment: sealed objects in a store.
public struct Archive: Sendable {
  public let objects: any ObjectStore
  public let sealer: ObjectSealer

  public init(objects: any ObjectStore, keys: ArchiveKeyRing, random: any RandomSource) {
    self.objects = objects
    sealer = ObjectSealer(keys: keys, random: random)
  }

  /// An archive that knows one key for as long as it is used.
  public init(objects: any ObjectStore, key: ArchiveKey, random: any RandomSource) {
    self.init(objects: objects, keys: ArchiveKeyRing(ArchiveKeys(key)), random: random)
  }

  /// Seals, stores, and reads back: only what was found again counts as stored.
  ///
  /// A store may say that it stored what it did not; the journal must not forget it on its word.
  /// Packing stands where `rank` says. Answers the bytes of the sealed object.
  @discardableResult
  func put(
    _ name: String, _ content: [UInt8], _ rank: Blocking.Rank = .ordinary
  ) async throws(ArchiveError) -> UInt64 {
    let object = try await ArchiveThread.run(as: rank) { sealer.seal(content, as: name) }
    do throws(ArchiveError) {
      try await objects.put(name, object)
    } catch .conflict(let name) {
      do throws(ArchiveError) {
        // Sealed before the last restart, with another salt: the same content is the same object.
        guard try await get(name) == content else { throw .conflict(name: name) }
        return UInt64(object.count)
      } catch  where error.isOfOneObject {
        // What was kept of it by half is of no use to anybody, and stands in the way for ever.
        try await objects.remove(name)
        throw .unreachable("\(error); it was removed, to be stored again")
      }
    }
    guard try await objects.get(name) == object else {
      throw .unreachable("\(name) was stored, and reads back as something else or not at all")
    }
    return UInt64(object.count)
  }

  /// The content of an object; nil where there is none.
  func get(_ name: String) async throws(ArchiveError) -> [UInt8]? {
    guard let object = try await objects.get(name) else { return nil }
    return try await ArchiveThread.run { try sealer.open(object, as: name) }
  }

  /// The content of an object that must be there.
  func require(_ name: String) async throws(ArchiveError) -> [UInt8] {
    guard let content = try await get(name) else { throw .missing(name: name) }
    return content
  }

  /// The cells whose journals are here, or were once, with the last generation that claimed each.
  ///
  /// By name only.
  public func generations() async throws(ArchiveError) -> [CellID: Generation] {
    var found: [CellID: Generation] = [:]
    for object in try await objects.list(ArchiveNames.allClaims) {
      guard let cell = ArchiveNames.cell(ofClaim: object.name),
        let generation = ArchiveNames.generation(ofClaim: object.name, cell)
      else { continue }
      found[cell] = max(generation, found[cell] ?? generation)
    }
    return found
  }

  public func claims(_ cell: CellID) async throws(ArchiveError) -> [Claim] {
    var claims: [Claim] = []
    for object in try await objects.list(ArchiveNames.claims(cell)) {
      let claim: Claim = try ArchiveJSON.decode(try await require(object.name), as: object.name)
      guard claim.cell == cell,
        claim.generation == ArchiveNames.generation(ofClaim: object.name, cell)
      else { throw .damaged(name: object.name, detail: "a claim of another cell or generation") }
      claims.append(claim)
    }
    return claims
  }

  /// Stores a claim where its generation has none; a generation is claimed once.
  public func claim(_ claim: Claim) async throws(ArchiveError) {
    try await put(
      ArchiveNames.claim(claim.cell, claim.generation), try ArchiveJSON.encode(claim))
  }

  /// The highest generation that has claimed the cell's journal, by name only.
  func highestClaim(_ cell: CellID) async throws(ArchiveError) -> Generation? {
    try await objects.list(ArchiveNames.claims(cell)).compactMap {
      ArchiveNames.generation(ofClaim: $0.name, cell)
    }.max()
  }

  /// What of a cell's journal is there, by the rule of readers; `unreadable` objects are passed
  /// over.
  ///
  /// `from`: objects that end before it may be left out, in which case what is missing before the
  /// first one means nothing.
  public func journal(
    _ cell: CellID, from: CellSeq? = nil, without unreadable: Set<JournalSpan> = []
  ) async throws(ArchiveError) -> ReaderRule.Reading {
    let claims = try await claims(cell)
    var listed: [StoredObject] = []
    if let from {
      // No object reaches over more positions than that: see ``JournalObject/positions``.
      let first = CellSeq(from.rawValue - min(from.rawValue, JournalObject.positions))
      for generation in claims.map(\.generation) {
        let prefix = ArchiveNames.journal(cell, generation)
        listed += try await objects.list(
          prefix, after: prefix + ArchiveHex.encode(first.rawValue))
      }
    } else {
      listed = try await objects.list(ArchiveNames.journal(cell))
    }
    let stored = listed.compactMap { object in
      ArchiveNames.span(object.name, of: cell).map { ($0, object.bytes) }
    }.filter { !unreadable.contains($0.0) }
    var reading = ReaderRule.read(stored.map(\.0), claims: claims)
    reading.bytes = Dictionary(stored) { first, _ in first }
    return reading
  }

  /// Which heads of a cell are stored; see ``ArchivedHeads``.
  func heads(_ cell: CellID) async throws(ArchiveError) -> [HeadsName] {
    try await objects.list(ArchiveNames.heads(cell)).compactMap {
      ArchiveNames.headsName($0.name, of: cell)
    }
  }

  /// The groups of one object.
  public func groups(
    _ cell: CellID, _ span: JournalSpan
  ) async throws(ArchiveError) -> [DurableGroup] {
    let name = ArchiveNames.journal(cell, span)
    return try JournalObject.decode(try await require(name), as: name)
  }

  /// The manifests of a tenant's snapshots that count, the furthest first, whatever cell took them.
  public func snapshots(_ tenant: TenantID) async throws(ArchiveError) -> [SnapshotManifest] {
    var claims: [CellID: [Claim]] = [:]
    return try await snapshots(tenant, &claims).counted
  }

  /// The same, and those that a later generation of their cell did not go on from.
  ///
  /// `claims` are those read before, for who asks for many tenants.
  func snapshots(
    _ tenant: TenantID, _ claims: inout [CellID: [Claim]]
  ) async throws(ArchiveError) -> (counted: [SnapshotManifest], ignored: [SnapshotManifest]) {
    var (counted, ignored): ([SnapshotManifest], [SnapshotManifest]) = ([], [])
    for name in try await objects.list(ArchiveNames.snapshots(tenant)).map(\.name)
    where name.hasSuffix("/manifest") {
      let manifest = try await manifest(name)
      let known: [Claim]
      if let read = claims[manifest.cell] {
        known = read
      } else {
        known = try await self.claims(manifest.cell)
      }
      claims[manifest.cell] = known
      if ReaderRule.counts(manifest, claims: known) {
        counted.append(manifest)
      } else {
        ignored.append(manifest)
      }
    }
    return (counted.sorted { $1.position < $0.position }, ignored)
  }

  /// The same of what `cell` has under this name: each cell's own store has one name in all cells,
  /// and is nobody's but that cell's.
  public func snapshots(
    _ tenant: TenantID, of cell: CellID
  ) async throws(ArchiveError) -> [SnapshotManifest] {
    try await snapshots(tenant, seenFrom: cell).counted
  }

  /// The same, and those that do not count by where they were taken.
  func snapshots(
    _ tenant: TenantID, seenFrom cell: CellID
  ) async throws(ArchiveError) -> (counted: [SnapshotManifest], ignored: [SnapshotManifest]) {
    var claims: [CellID: [Claim]] = [:]
    var found = try await snapshots(tenant, &claims)
    if Self.isCellsOwn(tenant) {
      found.counted.removeAll { $0.cell != cell }
      found.ignored.removeAll { $0.cell != cell }
    }
    return found
  }

  /// Whether a name stands for a process's own store, not for a tenant.
  static func isCellsOwn(_ tenant: TenantID) -> Bool { tenant.rawValue.hasPrefix("_") }

  /// Reads one manifest and checks that it speaks of what its name says.
  func manifest(_ name: String) async throws(ArchiveError) -> SnapshotManifest {
    let manifest: SnapshotManifest = try ArchiveJSON.decode(try await require(name), as: name)
    guard let owner = ArchiveNames.owner(name), owner.tenant == manifest.tenant,
      owner.snapshot?.description == manifest.name
    else { throw .damaged(name: name, detail: "a manifest of another snapshot") }
    return manifest
  }

  /// Every tenant of which there is a snapshot, and the furthest one's name.
  public func tenants() async throws(ArchiveError) -> [TenantID: SnapshotName] {
    var found: [TenantID: SnapshotName] = [:]
    for object in try await objects.list(ArchiveNames.tenants)
    where object.name.hasSuffix("/manifest") {
      guard let owner = ArchiveNames.owner(object.name), let snapshot = owner.snapshot else {
        continue
      }
      if let known = found[owner.tenant], known.tenantSeq >= snapshot.tenantSeq { continue }
      found[owner.tenant] = snapshot
    }
    return found
  }
}
