import Archive
import Edge
import Logging
import Platform
import Storage
import Synchronization
import Wire

/// Brings a lost cell's tenants back from the archive, most recently active first, while the cell
/// serves those that are back.
///
/// Each comes back in a new branch, since what the old disk had and the archive had not is gone;
/// and suspended, since what it may have sent last is not known. What a crash interrupts goes on
/// with the next start, until the marker is removed.
final class CellRecovery: Sendable {
  /// Tenants at once; each is one thread's work for the most part.
  static let tenantsAtOnce = 3

  /// What the restored cell's operation shows.
  struct Result: Codable, Hashable, Sendable {
    struct Failed: Codable, Hashable, Sendable {
      let tenantID: String
      let code: String
      let detail: String
      /// The cell that may have it instead, and alone knows.
      var leaving: String?

      init(tenantID: String, code: String, detail: String, leaving: String? = nil) {
        self.tenantID = tenantID
        self.code = code
        self.detail = detail
        self.leaving = leaving
      }

      /// One that is back, where positions are missing behind its last record; nil: none are.
      init?(missingOf restored: RestoredTenant?) {
        guard let restored, let missing = restored.missing else { return nil }
        self.init(
          tenantID: restored.tenant.rawValue, code: "archive_gap",
          detail: "it may lack records at positions \(missing.lowerBound.rawValue) to "
            + "\(missing.upperBound.rawValue), which are in no object")
      }

      enum CodingKeys: String, CodingKey {
        case code, detail, leaving
        case tenantID = "tenant_id"
      }
    }
    var restore: String
    var generation: UInt64
    var restored = 0
    var failed: [Failed] = []
    /// Back, and perhaps without their last records: positions of the journal are in no object.
    var incomplete: [Failed]?
    /// The archive has them as this cell's, and the control plane has not placed them here: they
    /// are in no place that it knows, or moved in the moments that were lost.
    var unplaced: [String]?
    /// What they keep back until the restore is released.
    var suspended: [SuspendedTenant]?
    var suspendedCount: Int?
    var records: UInt64 = 0
    var bytes: UInt64 = 0
    var firstServingMilliseconds: Int64 = 0
    var milliseconds: Int64 = 0

    enum CodingKeys: String, CodingKey {
      case restore, generation, restored, failed, incomplete, unplaced, suspended, records, bytes
      case milliseconds
      case suspendedCount = "suspended_count"
      case firstServingMilliseconds = "first_serving_milliseconds"
    }
  }

  private struct State {
    /// Nil until the control plane has said who belongs here.
    var pending: Set<TenantID>?
    var total = 0
    var plan: CellRestorePlan?
    var result: Result
    var isOver = false
  }

  let name: String
  private let archive: Archive
  private let service: ArchiveService
  private let engine: StorageEngine
  private let directives: Directives
  private let configuration: CellConfiguration
  private let files: any FileSystem
  private let clock: any WallClock
  private let sealer: Sealer
  private let logger: Logger
  private let since: Timestamp
  private let beganNanoseconds = MonotonicTime.nanoseconds()
  private let state: Mutex<State>

  static func name(_ cell: CellID, _ generation: Generation) -> String {
    "\(cell)@\(generation.rawValue)"
  }

  init(
    name: String, generation: Generation, archive: Archive, service: ArchiveService,
    engine: StorageEngine, directives: Directives, configuration: CellConfiguration,
    files: any FileSystem, clock: any WallClock, sealer: Sealer, logger: Logger
  ) {
    self.name = name
    self.archive = archive
    self.service = service
    self.engine = engine
    self.directives = directives
    self.configuration = configuration
    self.files = files
    self.clock = clock
    self.sealer = sealer
    self.logger = logger
    since = Timestamp(milliseconds: clock.milliseconds())
    state = Mutex(State(result: Result(restore: name, generation: generation.rawValue)))
  }

  private var now: Timestamp { Timestamp(milliseconds: clock.milliseconds()) }
  private var elapsed: Int64 {
    Int64((MonotonicTime.nanoseconds() - beganNanoseconds) / 1_000_000)
  }

  /// Whether the tenant may come back: it must be neither unknown here nor made anew.
  func isPending(_ tenant: TenantID) -> Bool {
    guard engine.heads[tenant] == nil else { return false }
    return state.withLock { state in
      guard !state.isOver || !state.result.failed.isEmpty else { return false }
      return state.pending.map { $0.contains(tenant) } ?? true
    }
  }

  /// Reads the archive, and brings the cell's own store back: before anything is served.
  func begin() async throws {
    let plan = try await CellRestorePlan(
      archive, cell: configuration.id,
      scratch: StorageEngine.restoresDirectory(configuration.dataDirectory) + "/restoring.records",
      files: files)
    state.withLock { $0.plan = plan }
    logger.notice(
      "restores the cell from the archive",
      metadata: ["restore": "\(name)", "tenants": "\(plan.tenants.count)"])
    guard engine.heads[.cellStore] == nil,
      plan.tenants.contains(where: { $0.id == .cellStore })
    else { return }
    let restored = try await bringBack(.cellStore, epoch: .first, plan)
    state.withLock { state in
      state.result.incomplete = Result.Failed(missingOf: restored).map { [$0] }
    }
  }

  /// Brings the tenants back that the control plane has placed here.
  func run(placed: @Sendable () -> [TenantID: Epoch]?) async {
    guard let plan = state.withLock({ $0.plan }) else { return }
    var found = placed()
    while found == nil, !Task.isCancelled {
      try? await Task.sleep(for: CellLimits.joinRetryMinimum)
      found = placed()
    }
    guard let found, !Task.isCancelled else { return }
    let known = Set(plan.tenants.map(\.id))
    let order =
      plan.tenants.map(\.id).filter { found[$0] != nil }
      + found.keys.filter { !known.contains($0) }.sorted()
    let missing = order.filter { engine.heads[$0] == nil }
    let unplaced = Self.unplaced(plan.tenants, here: found, known: engine.heads)
    state.withLock { state in
      state.pending = Set(missing)
      state.total = missing.count
      state.result.unplaced = unplaced.isEmpty ? nil : unplaced.map(\.rawValue)
    }
    await withTaskGroup(of: Void.self) { group in
      for (index, tenant) in missing.enumerated() where !Task.isCancelled {
        if index >= Self.tenantsAtOnce { await group.next() }
        let epoch = found[tenant] ?? .first
        group.addTask { await self.one(tenant, epoch, plan) }
      }
    }
    guard !Task.isCancelled else { return }
    await end(plan)
  }

  /// Whom the archive has as this cell's, and the control plane not: its own store may be a copy
  /// from before they were made.
  static func unplaced(
    _ tenants: [CellRestorePlan.Tenant], here: [TenantID: Epoch], known: [TenantID: TenantHead]
  ) -> [TenantID] {
    tenants.filter {
      !$0.hasLeft && $0.id != .cellStore && here[$0.id] == nil && known[$0.id] == nil
    }.map(\.id).sorted()
  }

  private func one(_ tenant: TenantID, _ epoch: Epoch, _ plan: CellRestorePlan) async {
    do {
      let restored = try await bringBack(tenant, epoch: epoch, plan)
      let elapsed = elapsed
      state.withLock { state in
        if state.result.restored == 0 { state.result.firstServingMilliseconds = elapsed }
        state.result.restored += 1
        state.result.records += restored?.records ?? 0
        state.result.bytes += restored?.files.reduce(0) { $0 + $1.bytes } ?? 0
        state.pending?.remove(tenant)
        if let incomplete = Result.Failed(missingOf: restored) {
          state.result.incomplete = (state.result.incomplete ?? []) + [incomplete]
        }
      }
    } catch is CancellationError {
    } catch {
      let failure = RestoreFailure.of(error)
      logger.error(
        "a tenant is not back", metadata: ["tenant": "\(tenant)", "reason": "\(failure)"])
      state.withLock {
        $0.result.failed.append(
          .init(
            tenantID: tenant.rawValue, code: failure.code.rawValue, detail: failure.detail))
      }
    }
  }

  private func bringBack(
    _ tenant: TenantID, epoch: Epoch, _ plan: CellRestorePlan
  ) async throws -> RestoredTenant? {
    let coming = TenantReturn(
      name: name, since: since, service: service, engine: engine, directives: directives,
      sealer: sealer)
    return try await ArchivePatience()() {
      try await coming.bringBack(.init(tenant: tenant, epoch: epoch), plan)
    }
  }

  private func end(_ plan: CellRestorePlan) async {
    plan.close()
    let elapsed = elapsed
    let result = state.withLock { state in
      state.result.milliseconds = elapsed
      state.plan = nil
      return state.result
    }
    do {
      try await directives.setFact(Self.fact(name), try EdgeJSON.encode(result))
      // With a tenant missing the next start tries again.
      if result.failed.isEmpty {
        try RecoveryMarker(dataDirectory: configuration.dataDirectory, files: files).remove()
      }
    } catch {
      logger.error("the restore's end is not noted", metadata: ["error": "\(error)"])
    }
    state.withLock { $0.isOver = true }
    logger.notice(
      "the cell is back",
      metadata: [
        "restored": "\(result.restored)", "failed": "\(result.failed.count)",
        "unplaced": "\(result.unplaced?.count ?? 0)",
        "milliseconds": "\(elapsed)",
      ])
  }

  static func fact(_ name: String) -> String { "restore/\(name)" }

  /// Waits until every tenant is back, or will not be.
  func finished(_ progress: CellWork.Progress) async throws -> Result {
    while true {
      let (pending, total, isOver, result) = state.withLock {
        ($0.pending?.count ?? 0, $0.total, $0.isOver, $0.result)
      }
      progress.step("restore", done: Int64(total - pending), total: Int64(total))
      if isOver { return result }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  /// The result; a refusal where a tenant is missing.
  static func judge(_ result: Result) throws -> Result {
    guard result.failed.isEmpty else {
      throw RefusedRestore(
        failure: Failure(
          .verificationFailed, "\(result.failed.count) tenants could not be brought back"),
        result: String(decoding: try EdgeJSON.encode(result), as: UTF8.self))
    }
    return result
  }

  func problems() -> [Storage.Problem] {
    let (pending, failed) = state.withLock { ($0.pending, $0.result.failed) }
    var problems = failed.map {
      Storage.Problem(
        code: "tenant_not_restored", since: since, runbook: Runbook.page("cell_lost"),
        tenant: TenantID(trusted: $0.tenantID), detail: "\($0.code): \($0.detail)")
    }
    if let pending, pending.count > failed.count {
      problems.append(
        Storage.Problem(
          code: "recovering", since: since, runbook: Runbook.page("recovering"), tenant: nil,
          detail: "\(pending.count - failed.count) tenants are being restored from the archive"))
    }
    return problems
  }
}
