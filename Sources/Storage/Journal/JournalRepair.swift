import Platform
import Wire

/// What a repair took out of a journal, and what is lost by it.
public struct JournalRepairReport: Codable, Hashable, Sendable {
  /// What one tenant lost.
  public struct Loss: Codable, Hashable, Sendable {
    public var tenant: TenantID
    /// The first tenant seq that is gone.
    public var lostFrom: TenantSeq
    /// The last one that is known to be gone or void.
    public var lostThrough: TenantSeq
    /// Of these, records that are readable but void: they follow one that is gone.
    public var voidRecords: UInt64
    /// The tenant is to be restored: its files have part of what is gone, which they cannot go on
    /// from or which nothing shows to be all; or nothing tells any more where it stands
    /// (``lostThrough`` is then what they have, before ``lostFrom``).
    public var needsRestore: Bool
  }

  public struct Range: Codable, Hashable, Sendable {
    public var damage: DamageReport
    /// The file beside the journal that keeps the removed bytes; empty where there were none.
    public var sideFile: String
    public var removedBytes: UInt64
    public var removedSHA256: String
    /// Tenants that lost something.
    ///
    /// Those whose files have all of it are not among them.
    public var losses: [Loss]
    /// Further tenants may have lost their latest records: nothing tells whose they were.
    public var othersPossible: Bool
  }

  public var ranges: [Range]
  public var segmentsRewritten: [String]
}

/// Cuts what cannot be read out of a journal that no process has open.
///
/// A gap stands in its place from then on; it names the tenants whose chain it breaks, and their
/// later records are void. Every removed byte is kept in a side file, made durable first.
public struct JournalRepair {
  private let directory: String
  private let files: any FileSystem
  let applied: [TenantID: AppliedFiles]
  let survey: RepairSurvey

  /// Repairs the journal in `directory`.
  ///
  /// `applied` is what each tenant's files have. Throws
  /// ``JournalError/noSuchDamage(_:)`` where there is nothing to repair.
  public static func run(
    directory: String, files: any FileSystem, applied: [TenantID: AppliedFiles]
  ) throws -> JournalRepairReport {
    let lock = try JournalNames.takeLock(directory, files)
    defer { lock.release() }
    let survey = try RepairSurvey(
      directory: directory, files: files, applied: applied)
    // One that a crash ended before it stored the heads has still to do that.
    guard !survey.damage.isEmpty || survey.beginning != nil || survey.hasVoidHeads else {
      throw JournalError.noSuchDamage("no damage in \(directory)")
    }
    let repair = JournalRepair(
      directory: directory, files: files, applied: applied, survey: survey)
    // The next start may be in the same run of the machine.
    let mark = BootMark(directory: JournalOpening.parent(directory), files: files)
    return try mark.discarded(ifSyncFails: { try repair.run() })
  }

  private func run() throws -> JournalRepairReport {
    var report = JournalRepairReport(ranges: [], segmentsRewritten: [])
    var gaps: [String: [RepairGap]] = [:]
    if let beginning = survey.beginning {
      report.ranges.append(try examine(beginning: beginning))
    }
    var void: Set<TenantID> = []
    for index in survey.damage.indices {
      let (gap, range) = try examine(index, but: void)
      void.formUnion(gap.voids.map(\.tenant))
      report.ranges.append(range)
      gaps[survey.damage[index].segment, default: []].append(gap)
    }
    var tip = survey.start
    for segment in survey.scan.segments {
      guard let gaps = gaps[segment.name] else {
        tip = survey.end(of: segment) ?? tip
        continue
      }
      tip = try RepairRewrite.run(
        segment, gaps, after: tip, survey, directory: directory, files: files)
      report.segmentsRewritten.append(segment.name)
    }
    try survey.storeHeads(directory, files, voids: gaps.values.flatMap { $0 })
    return report
  }

  /// What one range costs, and the gap that takes its place; its bytes are saved first.
  ///
  /// The records of the tenants in `void` are void already: from an earlier gap on.
  private func examine(
    _ index: Int, but void: Set<TenantID>
  ) throws -> (RepairGap, JournalRepairReport.Range) {
    let range = survey.damage[index]
    let before = survey.before[index]
    let (sideFile, removed) = try save(range)
    var losses: [JournalRepairReport.Loss] = []
    var voids: [GapBody.Void] = []
    for (tenant, lost) in survey.lost(index).sorted(by: { $0.key < $1.key }) {
      // Files that have all of it need none of the lost records.
      guard applied[tenant]?.whole ?? .zero < lost.through else { continue }
      let have = applied[tenant]?.highest ?? .zero
      let kept = before[tenant]
      let needsRestore = kept == nil || have > (kept?.tenantSeq ?? .zero)
      let isVoid = void.contains(tenant)
      let voidRecords = needsRestore || isVoid ? 0 : lost.later
      losses.append(
        JournalRepairReport.Loss(
          tenant: tenant, lostFrom: (kept?.tenantSeq ?? .zero).next,
          lostThrough: voidRecords > 0 ? lost.last : lost.through, voidRecords: voidRecords,
          needsRestore: needsRestore))
      if let kept, !needsRestore, !isVoid {
        voids.append(
          GapBody.Void(tenant: tenant, keptSeq: kept.tenantSeq, keptHash: kept.hash))
      }
    }
    losses += ahead(index, but: Set(losses.map(\.tenant)))
    var othersPossible = false
    if case .unknown = range.tenants { othersPossible = survey.isMissing(range) }
    return (
      RepairGap(
        range: range, sideFile: sideFile, removedHash: SHA256Hash.of(removed), voids: voids),
      JournalRepairReport.Range(
        damage: DamageReport(range), sideFile: sideFile, removedBytes: UInt64(removed.count),
        removedSHA256: SHA256Hash.of(removed).description, losses: losses,
        othersPossible: othersPossible)
    )
  }

  /// Tenants whose files have more than all that the journal still says of them, where this range
  /// is the one that held it: nothing of it is gone, but the chain that would go on from there is.
  private func ahead(_ index: Int, but named: Set<TenantID>) -> [JournalRepairReport.Loss] {
    applied.mapValues(\.highest).sorted { $0.key < $1.key }.compactMap { tenant, have in
      guard !named.contains(tenant), survey.isAhead(tenant, at: have),
        survey.isLast(index, for: tenant)
      else { return nil }
      return JournalRepairReport.Loss(
        tenant: tenant, lostFrom: (survey.heads[tenant]?.tenantSeq ?? .zero).next,
        lostThrough: have, voidRecords: 0, needsRestore: true)
    }
  }

  /// Keeps the range's bytes in a file of their own, durably.
  func save(_ range: DamagedRange) throws -> (name: String, bytes: [UInt8]) {
    let source = try files.open(directory + "/" + range.segment, .read)
    defer { source.close() }
    let end = min(range.endOffset, try source.length())
    guard range.startOffset < end else { return ("", []) }
    let bytes = try source.bytes(
      at: range.startOffset, count: Int(end - range.startOffset))
    var name = "removed-\(range.segment)-\(range.startOffset)"
    var copy = 1
    while try files.exists(directory + "/" + name) {
      copy += 1
      name = "removed-\(range.segment)-\(range.startOffset)-\(copy)"
    }
    let target = try files.open(directory + "/" + name, .createNew)
    defer { target.close() }
    try target.write(bytes, at: 0)
    try target.synchronize()
    try files.synchronizeDirectory(directory)
    return (name, bytes)
  }
}

/// A damaged range and what takes its place.
struct RepairGap {
  var range: DamagedRange
  var sideFile: String
  var removedHash: SHA256Hash
  var voids: [GapBody.Void]
}
