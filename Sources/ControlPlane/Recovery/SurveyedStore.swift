import Storage
import Wire

/// Writes down what a cell said that it holds.
extension PlatformRows {
  /// Answers what contradicts: two owners of a tenant, two holders of a key.
  func take(
    _ page: CellSurveyPage, of cell: CellID, at now: Timestamp
  ) throws -> [OwnerConflict] {
    var conflicts: [OwnerConflict] = []
    for stop in page.stops { try take(stop) }
    for told in page.tenants {
      guard let id = TenantID(told.id), !told.id.hasPrefix("_") else { continue }
      let known = try tenant(id)
      let conclusion = InventoryRule.conclude(
        known: known?.placement, isProvisioned: known?.isProvisioned ?? false,
        claimed: Epoch(told.epoch), by: cell)
      switch conclusion {
      case .stale(let current), .conflict(let current):
        conflicts.append(
          OwnerConflict(id, epoch: told.epoch, by: cell, placed: current, at: now))
        continue
      case .confirmed, .learned: break
      }
      let currency = (told.profile?.currency).flatMap(Currency.init) ?? Currency("XXX")
      guard let region = try self.cell(cell)?.region, let currency else { continue }
      var tenant = try record(told, id, region, currency, cell, known, now)
      tenant.version = try raiseVersion()
      try put(tenant)
      for wanted in try take(told, tenant) {
        conflicts.append(
          OwnerConflict(id, holds: wanted.kind, wanted.key, on: cell, at: now))
      }
    }
    return conflicts
  }

  /// The cell's word for what changes there, the copy's for the rest.
  private func record(
    _ told: CellSurveyPage.Tenant, _ id: TenantID, _ region: RegionID, _ currency: Currency,
    _ cell: CellID, _ known: TenantRecord?, _ now: Timestamp
  ) throws -> TenantRecord {
    let (profile, placement) = (told.profile, Placement(cell: cell, epoch: Epoch(told.epoch)))
    var record =
      known
      ?? TenantRecord(
        id: id, name: profile?.name ?? told.id, slug: profile?.slug ?? told.id, region: region,
        currency: currency, timeZone: profile?.timeZone ?? "UTC",
        tier: profile?.tier ?? "standard",
        parent: (profile?.parent).flatMap { TenantID($0) }, state: .active, reason: "",
        isProvisioned: true, placement: placement, durability: .cell,
        createdAt: profile.map { Timestamp(milliseconds: $0.createdAtMilliseconds) } ?? now,
        version: 0)
    record.placement = placement
    record.isProvisioned = true
    record.state = TenantState(rawValue: told.state) ?? record.state
    record.reason = told.reason
    if let durability = told.durability.map(TenantDurability.init(told:)), try hasDurabilities {
      record.durability = durability
    }
    if let profile {
      record.name = profile.name
      record.slug = profile.slug
      record.timeZone = profile.timeZone
    }
    return record
  }

  /// The tenant's keys as its cell knows them; answers those that another tenant holds.
  private func take(
    _ told: CellSurveyPage.Tenant, _ tenant: TenantRecord
  ) throws -> [WantedKey] {
    var wanted: [WantedKey] = []
    if told.profile != nil {
      wanted.append(WantedKey(kind: .slug, key: tenant.slug, isReleased: false, name: ""))
      let numbers = Set(told.numbers.map(\.phoneNumberID))
      for key in try heldKeys(.phoneNumber, of: tenant.id) where !numbers.contains(key) {
        wanted.append(WantedKey(kind: .phoneNumber, key: key, isReleased: true, name: ""))
      }
    }
    for number in told.numbers {
      wanted.append(
        WantedKey(
          kind: .phoneNumber, key: number.phoneNumberID, isReleased: false, name: number.id))
    }
    let refused = try wanted.filter { try apply([$0], for: tenant.id) != nil }
    // An account that serves several tenants has one holder, the first: the others' word is none.
    for waba in Set(told.numbers.map(\.wabaID)).sorted() where !waba.isEmpty {
      _ = try apply(
        [WantedKey(kind: .waba, key: waba, isReleased: false, name: "")], for: tenant.id)
    }
    return refused
  }

  private func take(_ told: CellSurveyPage.Stop) throws {
    guard let scope = SendStopScope(rawValue: told.scope) else { return }
    try raiseVersion(above: told.version)
    if let known = try sendStop(scope, told.id), known.version >= told.version { return }
    let stop = SendStop(
      scope: scope, id: told.id, reason: told.reason,
      since: Timestamp(milliseconds: told.sinceMilliseconds), version: told.version,
      isLifted: told.isLifted)
    try put(stop)
    // A promotion that the copy does not know: nobody could release it.
    guard let promotions = PromotionStop(stop) else { return }
    if try operation(promotions.promotion) == nil { try put(try promotions.forgotten(stop)) }
    if try restore(promotions.promotion) == nil {
      try put(promotions.record(of: CellID(trusted: stop.id)))
    }
  }
}
