import Platform
import Wire

/// Takes away what a replica's journal has behind a group, because another replica took over there,
/// and the files of the tenants that have some of it.
///
/// May be repeated after a crash at any point. Nobody may have the directory open.
public struct JournalCut {
  public struct Report: Hashable, Sendable {
    /// What was taken away: groups and records, kept in `sideFile` beside the journal.
    public var groups = 0
    public var records = 0
    public var sideFile: String?
    /// Tenants whose files were removed, to be made anew from the journal.
    public var rebuilt: [TenantID] = []
    /// Tenants whose files held what was taken away, and whose records before are not all in the
    /// journal any more: they are stopped until files are copied from elsewhere.
    public var lost: [TenantID] = []
  }

  /// What the names of files end with that hold what was taken away: nobody opens them again.
  static let suffix = ".cut"

  private let directory: String
  private let cell: CellID
  private let files: any FileSystem
  private let vfs: String?

  /// `directory` is the replica's data directory.
  public init(directory: String, cell: CellID, files: any FileSystem, vfs: String? = nil) {
    self.directory = directory
    self.cell = cell
    self.files = files
    self.vfs = vfs
  }

  private var journal: String { "\(directory)/journal" }

  private struct Place {
    let number: UInt64
    let segment: String
    let offset: UInt64
    let bytes: Int
    let records: Int
  }

  /// Cuts behind `end`, for a primary of `generation`.
  ///
  /// The group is known by number and hash: who asks may have gone on at a later position than this
  /// journal has behind it. Throws ``JournalError/noSuchDamage(_:)`` where the journal does not
  /// have it, and ``JournalError/notEarlier(found:than:)`` where something behind it is not of an
  /// earlier generation; both before anything is changed.
  public func run(after end: JournalEnd, for generation: Generation) throws -> Report {
    guard try files.exists(journal) else {
      throw JournalError.noSuchDamage("there is no journal in \(directory)")
    }
    let lock = try JournalNames.takeLock(journal, files)
    defer { lock.release() }
    let last = try lastSeq(with: end, generation)
    // It becomes a copy, whose files prove nothing of that kind; and a failed fsync below comes to
    // no engine that would say so.
    try BootMark(directory: directory, files: files).remove()
    var report = Report()
    var places: [Place] = []
    var begun: Set<TenantID> = []
    var taken: [TenantID: TakenRecords] = [:]
    let checkpoint = try HeadsFile.read(directory: journal, files: files).map {
      try HeadsFile.decode($0, cell: cell, generation: nil)
    }
    var fold = HeadsFold((checkpoint?.heads ?? [:]).filter { $0.value.cellSeq <= last })
    var scanner = JournalScanner(
      directory: journal, cell: cell, generation: nil, files: files)
    let scan = try scanner.run { group, records in
      guard group.header.number > end.group else {
        for record in records {
          let (tenant, kind) = (record.identity.tenant, record.identity.kind)
          if kind == .create { begun.insert(tenant) }
          if kind.exchangesFiles { begun.remove(tenant) }
        }
        return try fold.add(group, records)
      }
      for identity in records.map(\.identity) {
        taken[identity.tenant, default: TakenRecords(first: identity)].add(identity)
      }
      places.append(
        Place(
          number: group.header.number, segment: group.segment, offset: group.offset,
          bytes: group.header.totalBytes, records: records.count))
    }
    var heads = fold.heads
    if !places.isEmpty {
      report.groups = places.count
      report.records = places.reduce(0) { $0 + $1.records }
      report.sideFile = try keep(places)
      if let checkpoint, checkpoint.through > last {
        for (tenant, later) in checkpoint.heads where later.cellSeq > last {
          guard let part = taken[tenant] else { continue }
          heads[tenant] = part.before(heads[tenant], later: later, end: last)
        }
        // Before the groups go: a checkpoint past the end would be damage.
        try HeadsFile.write(
          HeadsFile.encode(
            HeadsCheckpoint(through: last, heads: heads), cell: cell,
            generation: scan.segments.last?.header?.generation ?? .first),
          directory: journal, files: files)
      }
    }
    // Before the groups go: only they say who began behind the end.
    begun.formUnion(taken.filter { $0.value.isBeginning }.keys)
    try forget(heads, begun, taken, &report)
    // Of those whose files stay, and before the groups go: only they say whose copies have some.
    for tenant in taken.keys.sorted() {
      let place = TenantDirectory.of(tenant, in: directory)
      try StoppedRecords.cut(behind: last, directory: place, files: files)
    }
    if let first = places.first { try cut(from: first, scan) }
    return report
  }

  /// The last position that this journal itself has with the group `end`.
  private func lastSeq(with end: JournalEnd, _ generation: Generation) throws -> CellSeq {
    var last: CellSeq?
    var latest: Generation?
    var scanner = JournalScanner(
      directory: journal, cell: cell, generation: nil, files: files)
    let scan = try scanner.run { group, records in
      if group.header.number == end.group, group.hash == end.hash { last = group.header.lastSeq }
      guard group.header.number > end.group, let record = records.last else { return }
      latest = max(latest ?? record.position.generation, record.position.generation)
    }
    // A group that was trimmed away is known by the one that follows it.
    if let oldest = scan.segments.first?.header, oldest.firstGroup == end.group + 1,
      oldest.previousHash == end.hash
    {
      last = CellSeq(oldest.firstSeq.rawValue - 1)
    }
    guard let last else {
      throw JournalError.noSuchDamage("group \(end.group) is not in this journal")
    }
    guard scan.damage.isEmpty else {
      throw JournalError.notWritable("a damaged journal is repaired, not cut")
    }
    // What one generation has acknowledged is nobody's to take away.
    if let latest, latest >= generation {
      throw JournalError.notEarlier(found: latest, than: generation)
    }
    return last
  }

  /// Saves the bytes of what is taken away.
  ///
  /// What a cut that a crash ended has saved already stays: less may be left in the journal by now.
  private func keep(_ places: [Place]) throws -> String {
    let digits = JournalNames.segment(firstGroup: places[0].number).prefix(16)
    var name = "\(DivergentFile.prefix)\(digits)"
    var number = 1
    while try files.exists("\(journal)/\(name)") {
      if try begins(name, with: places[0]) { return name }
      number += 1
      name = "\(DivergentFile.prefix)\(digits)-\(number)"
    }
    let temporary = "\(journal)/\(name)\(JournalNames.temporarySuffix)"
    let target = try files.open(temporary, .create)
    defer { target.close() }
    var offset: UInt64 = 0
    for place in places {
      let source = try files.open("\(journal)/\(place.segment)", .read)
      defer { source.close() }
      let bytes = try source.bytes(at: place.offset, count: place.bytes)
      try target.write(bytes, at: offset)
      offset += UInt64(bytes.count)
    }
    try target.synchronize()
    try files.rename(temporary, to: "\(journal)/\(name)")
    try files.synchronizeDirectory(journal)
    return name
  }

  private func begins(_ name: String, with place: Place) throws -> Bool {
    let source = try files.open("\(journal)/\(place.segment)", .read)
    defer { source.close() }
    let kept = try files.open("\(journal)/\(name)", .read)
    defer { kept.close() }
    guard try kept.length() >= UInt64(place.bytes) else { return false }
    return try kept.bytes(at: 0, count: place.bytes)
      == source.bytes(at: place.offset, count: place.bytes)
  }

  /// Removes the segments behind, the last first, then ends the one that holds `first`.
  private func cut(from first: Place, _ scan: JournalScan) throws {
    guard let index = scan.segments.firstIndex(where: { $0.name == first.segment }) else { return }
    // The oldest stays, if only with its header: without it the journal would begin anew.
    let stays = index == 0 || first.offset > UInt64(SegmentHeader.length)
    for segment in scan.segments[(stays ? index + 1 : index)...].reversed() {
      try files.remove("\(journal)/\(segment.name)")
      try files.synchronizeDirectory(journal)
    }
    guard stays else { return }
    let name = scan.segments[index].name
    let source = try files.open("\(journal)/\(name)", .read)
    defer { source.close() }
    let temporary = "\(journal)/\(name)\(JournalNames.temporarySuffix)"
    let target = try files.open(temporary, .create)
    defer { target.close() }
    try SegmentCopy.bytes(from: source, to: target, 0..<first.offset)
    let zeros = [UInt8](repeating: 0, count: 1024 * 1024)
    var offset = first.offset
    while offset < scan.segments[index].length {
      let count = min(UInt64(zeros.count), scan.segments[index].length - offset)
      try target.write(Array(zeros.prefix(Int(count))), at: offset)
      offset += count
    }
    try target.synchronize()
    try files.rename(temporary, to: "\(journal)/\(name)")
    try files.synchronizeDirectory(journal)
  }

  /// Removes the files that may have more than the journal will have, of those whose records are
  /// all in it, or taken away.
  ///
  /// Where the journal was trimmed, nothing here would make them anew: they get another name, so
  /// that whoever opens them, also after a restart or a promotion, finds that they are gone.
  private func forget(
    _ heads: [TenantID: TenantHead], _ begun: Set<TenantID>, _ taken: [TenantID: TakenRecords],
    _ report: inout Report
  ) throws {
    for tenant in try stale(heads, taken).sorted() {
      let place = TenantDirectory.of(tenant, in: directory)
      guard try files.exists(place) else { continue }
      // Media are named by their content: they are true whoever names them.
      let names = try files.list(place).filter { $0 != "media" }
      if names.isEmpty { continue }
      if begun.contains(tenant) {
        for name in names { try files.remove("\(place)/\(name)") }
        report.rebuilt.append(tenant)
      } else {
        // The marks beside them stay: they say that there was a file.
        let marker = TenantFile.keptMarker("")
        for name in names where !name.hasSuffix(marker) && !name.hasSuffix(Self.suffix) {
          try files.rename("\(place)/\(name)", to: "\(place)/\(name)\(Self.suffix)")
        }
        report.lost.append(tenant)
      }
      try files.synchronizeDirectory(place)
    }
  }

  /// The tenants whose files are ahead of the journal, came without records, or may have something
  /// of what is taken.
  ///
  /// Nobody asks the files of a quarantined tenant. A stopped one's that were asked have nothing of
  /// what its copied records have; where one was not read, or the copy is damaged, nothing tells.
  private func stale(
    _ heads: [TenantID: TenantHead], _ taken: [TenantID: TakenRecords]
  ) throws -> Set<TenantID> {
    let closed = CrashFile(directory: directory, files: files).quarantined
    var unread: Set<String> = []
    let applied = try AppliedSeqs.read(
      dataDirectory: directory, files: files, vfs: vfs, but: closed
    ) { path, _ in unread.insert(JournalOpening.parent(path)) }
    var stale = Set(applied.filter { $0.value > heads[$0.key]?.tenantSeq ?? .zero }.keys)
    for (tenant, records) in taken where !stale.contains(tenant) {
      let place = TenantDirectory.of(tenant, in: directory)
      let isExchanged = records.exchangesFiles && applied[tenant] != nil
      let isAsked = heads[tenant] != nil && applied[tenant] != nil && !unread.contains(place)
      if try isExchanged || closed.contains(tenant) || isDoubtful(copyIn: place, isAsked) {
        stale.insert(tenant)
      }
    }
    return stale
  }

  /// Whether a stopped tenant's copied records cannot be told from what its files have.
  private func isDoubtful(copyIn place: String, _ isAsked: Bool) throws -> Bool {
    do throws(JournalError) {
      guard let copied = try StoppedRecords.Reader(directory: place, files: files) else {
        return false
      }
      copied.close()
      return !isAsked
    } catch {
      if case .file = error { throw error }
      return true
    }
  }
}
