import Logging
import Platform
import Storage
import Synchronization
import Wire

/// What one tenant's restore in a drill came to.
public struct DrillResult: Sendable, Hashable {
  public let tenant: TenantID
  /// The restored record; nil where the restore failed.
  public let tenantSeq: TenantSeq?
  public let bytes: UInt64
  public let records: UInt64
  public let milliseconds: Int64
  /// Whether the digests are those of the served tenant at the same record; nil: it has gone on.
  public let matchesServed: Bool?
  /// Code and text of what went wrong; nil: nothing.
  public let failure: String?
}

/// Restores every tenant of a cell from the archive, daily, and throws the files away.
///
/// When each was verified last is kept over restarts.
final class RestoreDrill: Sendable {
  /// How often it looks whom it is time for.
  static let interval = Duration.seconds(5)
  private static let fileName = "drills"

  private struct State {
    var plan = DrillPlan()
    var isLoaded = false
  }

  private let environment: ArchiveEnvironment
  private let status: ArchiveState
  private let state = Mutex(State())

  init(_ environment: ArchiveEnvironment, status: ArchiveState) {
    self.environment = environment
    self.status = status
  }

  private var now: Timestamp { Timestamp(milliseconds: environment.clock.milliseconds()) }

  /// Whoever is served, and is neither stopped nor quarantined.
  ///
  /// Such a tenant's records are what ended the process, or what cannot be replayed: they wait for
  /// somebody to look, who is told by the tenant's problem.
  private var drilled: [TenantID: TenantHead] {
    let left = environment.engine.problems.filter {
      $0.code == "tenant_stopped" || $0.code == "tenant_quarantined"
    }.compactMap(\.tenant)
    return environment.engine.servedHeads.filter { !left.contains($0.key) }
  }

  func run() async {
    while !Task.isCancelled {
      load()
      let heads = drilled
      let (now, archived) = (now, status.status.archived)
      let next = state.withLock { state -> [TenantID] in
        state.plan.see(heads, at: now)
        return state.plan.next(at: now, archived: archived, period: environment.drillMilliseconds)
      }
      if !next.isEmpty {
        _ = await pass(next)
        continue
      }
      report(heads)
      try? await Task.sleep(for: Self.interval)
    }
  }

  /// Every tenant now, in passes.
  func round() async -> [DrillResult] {
    load()
    var results: [DrillResult] = []
    var left = drilled.keys.sorted()[...]
    while !left.isEmpty, !Task.isCancelled {
      results += await pass(Array(left.prefix(DrillPlan.atOnce)))
      left = left.dropFirst(DrillPlan.atOnce)
    }
    return results
  }

  /// Some tenants one after the other, over one reading of the journal: read for each of them, a
  /// busy cell's would be read all day.
  private func pass(_ tenants: [TenantID]) async -> [DrillResult] {
    let heads = await archivedHeads(of: tenants)
    var plan: CellRestorePlan?
    if tenants.count > 1 {
      let scratch = "\(directory)/records." + ArchiveHex.encode(environment.random.uint64())
      do {
        plan = try await CellRestorePlan(
          environment.archive, cell: environment.cell, only: Set(tenants), scratch: scratch,
          files: environment.files)
      } catch {
        // Whose restore fails for it is seen below, one by one.
        environment.logger.error("a drill's journal", metadata: ["error": "\(error)"])
        try? FileTree.remove(scratch, environment.files)
      }
    }
    defer { plan?.close() }
    var results: [DrillResult] = []
    for tenant in tenants where !Task.isCancelled {
      results.append(await one(tenant, plan, atLeast: heads[tenant]?.tenantSeq))
      report(drilled)
    }
    return results
  }

  /// Where the tenants stand now, once the archive has that: less is a loss.
  ///
  /// None where it does not get there in time, of which others tell.
  private func archivedHeads(of tenants: [TenantID]) async -> [TenantID: TenantHead] {
    let wanted = Set(tenants)
    let heads = environment.engine.servedHeads.filter { wanted.contains($0.key) }
    guard let last = heads.values.map(\.cellSeq).max() else { return [:] }
    for _ in 0..<(ArchiveLimits.catchUpSeconds * 10) where !Task.isCancelled {
      if let archived = status.status.archived, archived >= last { return heads }
      try? await Task.sleep(for: .milliseconds(100))
    }
    return [:]
  }

  private var directory: String { environment.dataDirectory + "/drill" }

  private func one(
    _ tenant: TenantID, _ plan: CellRestorePlan?, atLeast wanted: TenantSeq?
  ) async -> DrillResult {
    let began = MonotonicTime.nanoseconds()
    func elapsed() -> Int64 { Int64((MonotonicTime.nanoseconds() - began) / 1_000_000) }
    let directory =
      "\(directory)/\(tenant)." + ArchiveHex.encode(environment.random.uint64())
    let files = environment.files
    do {
      let lineage = Lineage(environment.random.uint64())
      let schema = environment.schema(tenant)
      let running = environment.engine.runningTenants
      let restored: RestoredTenant
      if let plan {
        restored = try await plan.restore(
          tenant, schema: schema, into: directory, lineage: lineage, acceptsMissing: true,
          running: running)
      } else {
        restored = try await TenantRestorer(
          archive: environment.archive, files: files, running: running
        ).restore(
          tenant, schema: schema, to: .latest, cell: environment.cell, into: directory,
          lineage: lineage)
      }
      _ = await Blocking.run("drill") { try FileTree.remove(directory, files) }
      if let missing = restored.missing {
        throw ArchiveError.incomplete(
          "positions \(missing.lowerBound.rawValue) to \(missing.upperBound.rawValue) are in no "
            + "object")
      }
      if let wanted, restored.position.tenantSeq < wanted {
        throw ArchiveError.incomplete(
          "the archive brings back tenant_seq \(restored.position.tenantSeq.rawValue), and had "
            + "\(wanted.rawValue)")
      }
      let matches = await compare(tenant, restored)
      let result = DrillResult(
        tenant: tenant, tenantSeq: restored.position.tenantSeq, bytes: restored.bytes,
        records: restored.records, milliseconds: elapsed(), matchesServed: matches,
        failure: matches == false ? "digest_mismatch: it differs from what is served" : nil)
      note(tenant, result.failure)
      return result
    } catch {
      let code = (error as? ArchiveError)?.code ?? "restore_failed"
      environment.logger.error(
        "a drill failed", metadata: ["tenant": "\(tenant)", "error": "\(error)"])
      note(tenant, "\(code): \(error)")
      return DrillResult(
        tenant: tenant, tenantSeq: nil, bytes: 0, records: 0, milliseconds: elapsed(),
        matchesServed: nil, failure: "\(code): \(error)")
    }
  }

  /// Nil where the tenant has gone on since.
  private func compare(_ tenant: TenantID, _ restored: RestoredTenant) async -> Bool? {
    guard let served = try? await environment.engine.digest(tenant, recompute: false),
      environment.engine.heads[tenant]?.tenantSeq == restored.position.tenantSeq
    else { return nil }
    let found = Dictionary(
      uniqueKeysWithValues: restored.files.map { ($0.name, $0.digest) })
    // A file that holds no record yet may be on one side only.
    for (name, digest) in served.files where (found[name] ?? .zero) != digest { return false }
    return true
  }

  private func note(_ tenant: TenantID, _ failure: String?) {
    let now = now
    let lines = state.withLock { state -> String in
      state.plan.note(tenant, failure, at: now)
      return state.plan.verified.sorted { $0.key < $1.key }
        .map { "\($0.key) \($0.value.milliseconds)\n" }.joined()
    }
    let path = "\(environment.dataDirectory)/\(Self.fileName)"
    do {
      try FileTree.write(Array(lines.utf8), to: path + ".tmp", environment.files)
      try environment.files.rename(path + ".tmp", to: path)
    } catch {
      environment.logger.error("drills are not noted", metadata: ["error": "\(error)"])
    }
  }

  private func load() {
    guard !state.withLock({ $0.isLoaded }) else { return }
    // What an end of the process has left of the last one.
    try? FileTree.remove(directory, environment.files)
    let path = "\(environment.dataDirectory)/\(Self.fileName)"
    let text = (try? FileTree.bytes(path, environment.files)).map {
      String(decoding: $0, as: UTF8.self)
    }
    state.withLock { state in
      state.isLoaded = true
      for line in (text ?? "").split(separator: "\n") {
        let words = line.split(separator: " ")
        guard words.count == 2, let tenant = TenantID(String(words[0])), let at = Int64(words[1])
        else { continue }
        state.plan.load(tenant, verified: Timestamp(milliseconds: at))
      }
    }
  }

  private func report(_ heads: [TenantID: TenantHead]) {
    let now = now
    let plan = state.withLock { state in
      state.plan.see(heads, at: now)
      return state.plan
    }
    let oldest = plan.oldest
    status.change { status in
      status.oldestVerifiedRestore = oldest
      status.drilledTenants = plan.drilled
    }
    if let failure = plan.failure {
      status.add("restore_drill_failed", "\(failure.tenant): \(failure.text)", at: now)
    } else {
      status.resolve("restore_drill_failed")
    }
    if let oldest, now.milliseconds - oldest.milliseconds > ArchiveLimits.drillAlertMilliseconds {
      status.add("restore_drill_late", "a tenant was last verified \(oldest.rfc3339)", at: oldest)
    } else {
      status.resolve("restore_drill_late")
    }
  }
}
