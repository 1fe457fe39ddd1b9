import Archive
import Edge
import Logging
import Platform
import Storage
import Wire

/// Takes tenants of a lost cell over, out of its archive, the most recently active first.
///
/// Idempotent: a repeat after a restart finds who is back. Nobody asks for a tenant here before the
/// control plane has heard that it is back.
struct CellSpread: Sendable {
  /// Who is to come here.
  struct Order: Sendable {
    let cell: CellID
    /// The restore's name.
    let name: String
    let tenants: [(entry: DirectoryEntry, epoch: Epoch)]

    /// Throws `invalid_identifier` or `invalid_field`.
    init(_ message: Aimstors_ProtoCellWork) throws(Failure) {
      guard let cell = CellID(message.cell), !message.at.isEmpty else {
        throw Failure(.invalidField, "a spread names the lost cell and the restore")
      }
      self.cell = cell
      name = message.at
      var tenants: [(entry: DirectoryEntry, epoch: Epoch)] = []
      for profile in message.tenants {
        guard let entry = DirectoryEntry(profile), entry.tenant != .cellStore, profile.epoch > 0
        else { throw Failure(.invalidIdentifier, "not a tenant with an epoch") }
        tenants.append((entry, Epoch(profile.epoch)))
      }
      self.tenants = tenants
    }
  }

  /// What has become of the tenants; also while it runs.
  struct Result: Codable, Hashable, Sendable {
    var restored: [String] = []
    /// Adopted here before the cell was lost, by a move of which nobody else has heard.
    var adopted: [String] = []
    var failed: [CellRecovery.Result.Failed] = []
    /// Back, and perhaps without their last records; the lost cell's own store, too, which said
    /// what stood about them.
    var incomplete: [CellRecovery.Result.Failed]?
    var records: UInt64 = 0
    var bytes: UInt64 = 0
  }

  /// How a tenant is here.
  enum Coming: Sendable {
    /// Nil where it was back before.
    case restored(RestoredTenant?)
    case adopted
  }

  typealias Ended = Swift.Result<Coming, any Error>

  let service: ArchiveService
  let engine: StorageEngine
  let directives: Directives
  let sealer: Sealer
  let clock: any WallClock
  /// What was remembered of a tenant that was here before is not so.
  let forget: @Sendable (TenantID) -> Void
  var turns = CellTurns()
  var patiently = ArchivePatience()
  let logger: Logger

  func run(_ order: Order, _ progress: CellWork.Progress) async throws -> Result {
    // Who was put on the list late is asked for while the others may still be under way.
    try await turns.take(order.cell)
    defer { turns.end(order.cell) }
    progress.step("read")
    let plan = try await patiently { try await service.plan(of: order.cell) }
    defer { plan.close() }
    let store = try await patiently { try await LostCellStore.restore(of: order.cell, service) }
    let forks: LostCellStore.Forks
    do { forks = try await store.forks() } catch {
      await store.discard()
      throw error
    }
    await store.discard()
    let total = Int64(order.tenants.count)
    progress.step("restore", done: 0, total: total)
    return await withTaskGroup(of: (TenantID, Ended).self) { group in
      var result = Result()
      result.incomplete = store.lacking.map { [$0] }
      func note(_ ended: (TenantID, Ended)?) {
        guard let (tenant, ended) = ended else { return }
        result.add(ended, tenant)
        progress.report((try? Self.text(result)) ?? "")
        let here = result.restored.count + result.adopted.count
        progress.step("restore", done: Int64(here), total: total)
      }
      for (index, tenant) in Self.order(order.tenants, plan.tenants.map(\.id)).enumerated() {
        if index >= CellRecovery.tenantsAtOnce { note(await group.next()) }
        group.addTask {
          (tenant.entry.tenant, await one(tenant.entry, tenant.epoch, order, forks, plan))
        }
      }
      while let ended = await group.next() { note(ended) }
      return result
    }
  }

  /// The most recently active first, as the archive knows it; who is not in it comes last.
  private static func order(
    _ tenants: [(entry: DirectoryEntry, epoch: Epoch)], _ known: [TenantID]
  ) -> [(entry: DirectoryEntry, epoch: Epoch)] {
    let ranks = Dictionary(
      zip(known, known.indices), uniquingKeysWith: { first, _ in first })
    return tenants.sorted {
      (ranks[$0.entry.tenant] ?? .max, $0.entry.tenant)
        < (ranks[$1.entry.tenant] ?? .max, $1.entry.tenant)
    }
  }

  private func one(
    _ entry: DirectoryEntry, _ epoch: Epoch, _ order: Order, _ forks: LostCellStore.Forks,
    _ plan: CellRestorePlan
  ) async -> Ended {
    let tenant = entry.tenant
    let now = Timestamp(milliseconds: clock.milliseconds())
    let coming = TenantReturn(
      name: order.name, since: now, service: service, engine: engine, directives: directives,
      sealer: sealer)
    if let head = engine.heads[tenant], head.ownership.isServed, head.counterpart == order.cell,
      head.epoch < epoch, head.lineage != coming.lineage(of: tenant)
    {
      // One that may still be released, or may have been, is not known to be here.
      guard head.ownership == .owned, engine.serves(tenant) else {
        return .failure(
          Failure(.recovering, "the tenant's move to \(order.cell) has not ended here yet"))
      }
      return .success(.adopted)
    }
    do {
      let restored = try await patiently {
        // Its state first: nothing may be asked of it that its owner forbids.
        try await directives.set(entry, trace: "")
        let restored = try await coming.bringBack(
          .init(
            tenant: tenant, epoch: epoch, isFork: forks.marked.contains(tenant),
            unfinished: forks.unfinished[tenant], isElsewhere: true), plan)
        // Once more: until it was here its mode held for nobody.
        try await directives.set(entry, trace: "")
        return restored
      }
      forget(tenant)
      return .success(.restored(restored))
    } catch {
      logger.error(
        "a lost cell's tenant is not here",
        metadata: ["tenant": "\(tenant)", "reason": "\(RestoreFailure.of(error))"])
      return .failure(error)
    }
  }

  static func text(_ value: some Encodable) throws -> String {
    String(decoding: try EdgeJSON.encode(value), as: UTF8.self)
  }
}

extension CellSpread.Result {
  mutating func add(_ ended: CellSpread.Ended, _ tenant: TenantID) {
    switch ended {
    case .success(.adopted): adopted.append(tenant.rawValue)
    case .success(.restored(let back)):
      restored.append(tenant.rawValue)
      if let lacking = CellRecovery.Result.Failed(missingOf: back) {
        incomplete = (incomplete ?? []) + [lacking]
      }
      records += back?.records ?? 0
      bytes += back?.files.reduce(0) { $0 + $1.bytes } ?? 0
    case .failure(let error):
      let failure = RestoreFailure.of(error)
      failed.append(
        .init(
          tenantID: tenant.rawValue, code: failure.code.rawValue, detail: failure.detail,
          leaving: (error as? ElsewhereTenant)?.cell.rawValue))
    }
  }
}
