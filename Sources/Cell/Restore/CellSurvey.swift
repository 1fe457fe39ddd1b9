import Storage
import Wire

/// Tells a restored control plane what this cell holds: who its tenants are, under which epochs,
/// with which numbers, and which sends are stopped.
struct CellSurvey: Sendable {
  /// Tenants in one part: each one's files are opened for it.
  static let perPage = 100
  /// Numbers of one tenant that are told.
  static let numbersPerTenant = 1_000

  let engine: StorageEngine
  let directives: Directives

  /// The part behind the tenant `after`; empty: the first.
  func page(after: String) async throws -> CellSurveyPage {
    let heads = engine.servedHeads.filter { tenant, _ in
      tenant != .cellStore && tenant.rawValue > after
    }
    let part = heads.sorted { $0.key < $1.key }.prefix(Self.perPage)
    var page = CellSurveyPage(tenants: [], stops: [], next: nil)
    if after.isEmpty { page.stops = try await stops() }
    for (tenant, head) in part {
      let entry = directives.entry(of: tenant)
      var told = CellSurveyPage.Tenant(
        id: tenant.rawValue, epoch: head.epoch.rawValue,
        state: (entry?.state ?? .active).rawValue, reason: entry?.reason ?? "",
        durability: directives.modes.own(of: tenant)?.rawValue ?? "", profile: nil, numbers: [])
      // A stopped tenant is told all the same: its epoch is taken.
      if let (profile, numbers) = try? await read(tenant) {
        told.profile = profile
        told.numbers = numbers
      }
      page.tenants.append(told)
    }
    page.next = heads.count > part.count ? part.last?.key.rawValue : nil
    // Asked last: what was told before may be another's by now.
    page.isMoving =
      !engine.departing.isEmpty || engine.servedHeads.values.contains { $0.ownership == .moving }
    return page
  }

  private func read(
    _ tenant: TenantID
  ) async throws(Failure) -> (CellSurveyPage.Profile?, [CellSurveyPage.Number]) {
    try await engine.read(tenant, [.sessions, .messages]) { snapshot in
      let profile = try ProfileStore(snapshot).profile()
      let numbers = try NumbersStore(snapshot.file(.messages)).list(
        after: RowID(0), limit: Self.numbersPerTenant)
      return (
        profile.map {
          CellSurveyPage.Profile(
            name: $0.name, slug: $0.slug, currency: $0.currency.code, timeZone: $0.timeZone,
            tier: $0.tier, parent: $0.parent,
            createdAtMilliseconds: $0.createdAt.milliseconds)
        },
        numbers.map {
          CellSurveyPage.Number(
            id: $0.id.text(.number), phoneNumberID: $0.phoneNumberID, wabaID: $0.wabaID)
        }
      )
    }
  }

  private func stops() async throws(Failure) -> [CellSurveyPage.Stop] {
    try await engine.read(.cellStore, [.spool]) { snapshot in
      try DirectivesStore(snapshot).stops().map {
        CellSurveyPage.Stop(
          scope: $0.scope.rawValue, id: $0.id, reason: $0.reason,
          sinceMilliseconds: $0.since.milliseconds, version: $0.version, isLifted: $0.lifted)
      }
    }
  }
}
