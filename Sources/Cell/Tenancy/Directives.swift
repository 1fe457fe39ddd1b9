import Storage
import Synchronization
import Wire

/// The control plane's standing orders to this cell: durable first, then in force.
final class Directives: SendGate {
  private let store: any TenantStore
  private let table: Mutex<StopTable>
  /// The newest change of each tenant that the control plane has told since the start.
  private let versions = Mutex<[TenantID: UInt64]>([:])
  /// Shared with the engine's gate.
  let modes: DurabilityModes
  /// Waits until a follower is asked, a moment at most; true where there are none to wait for.
  let untilAsked: @Sendable () async -> Bool

  init(
    store: any TenantStore, cell: CellID, region: RegionID,
    modes: DurabilityModes = DurabilityModes(cell: .local),
    untilAsked: @escaping @Sendable () async -> Bool = { true }
  ) {
    self.store = store
    self.modes = modes
    self.untilAsked = untilAsked
    table = Mutex(StopTable(cell: cell.rawValue, region: region.rawValue))
  }

  /// Reads what was in force before the restart.
  ///
  /// Called before anything is served. The mode of a tenant that is not here any more holds for
  /// nothing.
  func load(isHere: @Sendable (TenantID) -> Bool = { _ in true }) async throws(Failure) {
    let (now, stops, directory, durabilities, marks) = try await store.read(
      .cellStore, [.spool]
    ) { snapshot in
      let rows = DirectivesStore(snapshot)
      return (
        snapshot.now, try rows.stops(), try rows.directory(), try rows.durabilities(),
        try rows.facts(RestoreMark.prefix).map { name, value in
          (TenantID(trusted: name), RestoreMark(bytes: value))
        }
      )
    }
    table.withLock { table in
      for stop in stops { table.apply(stop, at: now) }
      for entry in directory { table.set(entry) }
      for (tenant, mark) in marks { table.mark(tenant, mark) }
    }
    for (tenant, mode) in durabilities where isHere(tenant) { modes.set(mode, for: tenant) }
  }

  /// Stops a restored tenant's sends durably, or lets them go on (nil).
  func mark(_ tenant: TenantID, _ mark: RestoreMark?) async throws(Failure) {
    try await store.write(.cellStore, CommandOrigin(requestID: "restore", traceID: "")) {
      transaction in
      let rows = try DirectivesStore(transaction)
      let name = RestoreMark.prefix + tenant.rawValue
      if let mark { try rows.setFact(name, mark.bytes) } else { try rows.removeFact(name) }
    }
    table.withLock { $0.mark(tenant, mark) }
  }

  func mark(of tenant: TenantID) -> RestoreMark? { table.withLock { $0.restoreMark(of: tenant) } }

  /// Whose sends wait for the release of which restore, and since when.
  var suspensions: [(tenant: TenantID, restore: String, since: Timestamp)] {
    table.withLock { $0.suspensions }
  }

  /// Lets nothing new of a tenant leave, until it is told otherwise or the process ends.
  func quiesce(_ tenant: TenantID, since: Timestamp?) {
    table.withLock { $0.quiesce(tenant, since: since) }
  }

  /// Says what stands about a tenant, to the cell that it moves to.
  func describe(_ tenant: TenantID, in fence: inout Aimstors_ProtoMoveFence) {
    let (entry, mark) = table.withLock { ($0.entry(of: tenant), $0.restoreMark(of: tenant)) }
    fence.state = (entry?.state ?? .active).rawValue
    fence.reason = entry?.reason ?? ""
    fence.stateChangedAtMs = entry?.changedAt.milliseconds ?? 0
    fence.restoreMark = .init(mark?.bytes ?? [])
    fence.durability = modes.own(of: tenant)?.rawValue ?? ""
  }

  /// Gives a tenant its own mode, durably, before it is here; nil: the cell's.
  ///
  /// It is in force first: what is written from now on waits, its own row too, so that whoever has
  /// a later record of the tenant has the mode.
  func set(_ mode: DurabilityMode?, of tenant: TenantID) async throws(Failure) {
    let before = modes.own(of: tenant)
    guard before != mode else { return }
    modes.set(mode, for: tenant)
    do throws(Failure) {
      try await store.write(.cellStore, CommandOrigin(requestID: "durability", traceID: "")) {
        try DirectivesStore($0).set(mode, of: tenant)
      }
    } catch {
      modes.set(before, for: tenant)
      throw error
    }
  }

  /// Takes over, durably, what stood about a tenant in the cell that it comes from.
  func take(_ fence: Aimstors_ProtoMoveFence, of tenant: TenantID) async throws(Failure) {
    let entry = DirectoryEntry(
      tenant: tenant, state: TenantState(rawValue: fence.state) ?? .suspended,
      reason: fence.reason, changedAt: Timestamp(milliseconds: fence.stateChangedAtMs),
      durability: DurabilityMode(said: fence.durability))
    let mark = fence.restoreMark.isEmpty ? nil : RestoreMark(bytes: Array(fence.restoreMark))
    try await store.write(.cellStore, CommandOrigin(requestID: "move", traceID: "")) {
      transaction in
      let rows = try DirectivesStore(transaction)
      try rows.set(entry)
      let name = RestoreMark.prefix + tenant.rawValue
      if let mark { try rows.setFact(name, mark.bytes) } else { try rows.removeFact(name) }
    }
    table.withLock { table in
      table.set(entry)
      table.mark(tenant, mark)
    }
    modes.set(entry.durability, for: tenant)
  }

  func removeFact(_ name: String) async throws(Failure) {
    try await store.write(.cellStore, CommandOrigin(requestID: "", traceID: "")) {
      try DirectivesStore($0).removeFact(name)
    }
  }

  func apply(_ stop: SendStop, trace: String) async throws(Failure) {
    let now = try await store.write(.cellStore, CommandOrigin(requestID: "", traceID: trace)) {
      try DirectivesStore($0).apply(stop)
      return $0.now
    }
    table.withLock { $0.apply(stop, at: now) }
  }

  /// Puts what the control plane said of a tenant in force, unless it has said something newer.
  func set(_ entry: DirectoryEntry, trace: String) async throws(Failure) {
    let before = modes.own(of: entry.tenant)
    guard put(entry) else { return }
    do throws(Failure) {
      try await store.write(.cellStore, CommandOrigin(requestID: "", traceID: trace)) {
        guard self.isNewest(entry) else { return }
        try DirectivesStore($0).set(entry)
      }
    } catch {
      // It is told again, and must differ then.
      if isNewest(entry) { modes.set(before, for: entry.tenant) }
      throw error
    }
    if isNewest(entry) { table.withLock { $0.set(entry) } }
  }

  /// Has the mode in force at once; false for an order that a newer one has overtaken.
  private func put(_ entry: DirectoryEntry) -> Bool {
    versions.withLock { versions in
      guard entry.version == 0 || entry.version >= versions[entry.tenant] ?? 0 else { return false }
      if entry.version > 0 { versions[entry.tenant] = entry.version }
      modes.set(entry.durability, for: entry.tenant)
      return true
    }
  }

  private func isNewest(_ entry: DirectoryEntry) -> Bool {
    versions.withLock { entry.version == 0 || entry.version >= $0[entry.tenant] ?? 0 }
  }

  func fact(_ name: String) async throws(Failure) -> [UInt8]? {
    try await store.read(.cellStore, [.spool]) { try DirectivesStore($0).fact(name) }
  }

  /// Facts whose name begins with `prefix`, without it.
  func facts(
    _ prefix: String
  ) async throws(Failure) -> [(name: String, value: [UInt8])] {
    try await store.read(.cellStore, [.spool]) { try DirectivesStore($0).facts(prefix) }
  }

  func setFact(_ name: String, _ value: [UInt8]) async throws(Failure) {
    try await store.write(.cellStore, CommandOrigin(requestID: "", traceID: "")) {
      try DirectivesStore($0).setFact(name, value)
    }
  }

  func stopReason(tenant: TenantID, phoneNumberID: String) -> StopReason? {
    table.withLock { $0.reason(tenant: tenant, phoneNumberID: phoneNumberID) }
  }

  func note(numberID: String, phoneNumberID: String) {
    table.withLock { $0.note(numberID: numberID, phoneNumberID: phoneNumberID) }
  }

  /// What the control plane said of a tenant last; nil: nothing.
  func entry(of tenant: TenantID) -> DirectoryEntry? { table.withLock { $0.entry(of: tenant) } }

  func state(of tenant: TenantID) -> TenantState { table.withLock { $0.state(of: tenant) } }

  func notices(of tenant: TenantID) -> NoticeRule { table.withLock { $0.notices(of: tenant) } }
}

extension DurabilityMode {
  /// As a message says it; nil: as the cell does.
  ///
  /// A mode that this version does not know is treated as the safest one it knows.
  init?(said text: String) {
    guard !text.isEmpty else { return nil }
    self = DurabilityMode(rawValue: text) ?? .follower
  }
}
