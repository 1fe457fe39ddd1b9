import Logging
import Messaging
import Platform
import Synchronization
import Wire

/// Takes webhook parts from the cells' spools to their owners.
///
/// Delivering is idempotent in the owner and removing in the spool, so a round may stop anywhere
/// and two may overlap.
final class SpoolRounds: Sendable {
  enum Outcome: Hashable, Sendable {
    case delivered
    /// Nobody can take it before the map or the living cells change.
    case waits(Failure)
    /// Its owner did not take it now.
    case failed(Failure)

    var fate: SpoolPass.Fate {
      switch self {
      case .delivered: .delivered
      case .waits: .waits
      case .failed: .failed
      }
    }
  }

  private let store: PlatformStore
  private let map: MapService
  private let roster: CellRoster
  private let messenger: any Messenger
  private let boot: any BootClock
  private let logger: Logger
  private let sizes = Mutex<[CellID: SpoolPass.Size]>([:])
  private let passes = Mutex<[CellID: SpoolPass]>([:])

  init(
    store: PlatformStore, map: MapService, roster: CellRoster, messenger: any Messenger,
    boot: any BootClock, logger: Logger
  ) {
    self.store = store
    self.map = map
    self.roster = roster
    self.messenger = messenger
    self.boot = boot
    self.logger = logger
  }

  func lastSizes() -> [CellID: SpoolPass.Size] { sizes.withLock { $0 } }

  /// One round over every living cell's spool.
  func drain(trace: String) async { await drain(roster.living(), trace: trace) }

  /// One round over the spools of retired cells that still answer: a router that had not heard of
  /// the end may have stored something there since.
  func drainRetired(trace: String) async { await drain(roster.retired(), trace: trace) }

  private func drain(_ cells: [CellRecord], trace: String) async {
    let living = roster.living().map(\.id)
    let world = SpoolPass.World(mapVersion: await map.version, living: living)
    await withTaskGroup(of: Void.self) { group in
      for cell in cells {
        group.addTask { await self.drain(cell, world, trace: trace) }
      }
    }
  }

  private func drain(_ cell: CellRecord, _ world: SpoolPass.World, trace: String) async {
    var pass = passes.withLock { $0[cell.id] ?? SpoolPass() }
    pass.begin(world, now: boot.nanoseconds())
    for _ in 0..<ControlPlaneLimits.drainPages {
      guard
        let page = try? await query(
          cell, after: pass.position, id: "", limit: ControlPlaneLimits.drainBatch, trace: trace)
      else { return }
      if page.entries.isEmpty {
        pass.reachedEnd(now: boot.nanoseconds())
        let (over, found) = (pass, pass.found)
        sizes.withLock { $0[cell.id] = found }
        passes.withLock { $0[cell.id] = over }
        return
      }
      var done: [String] = []
      for entry in page.entries {
        let fate = await deliver(entry.part, trace: trace).fate
        if fate == .delivered { done.append(entry.id) }
        pass.looked(
          at: entry.id, receivedAt: Timestamp(milliseconds: entry.part.receivedAtMs), fate)
      }
      // What was not removed is delivered again by the next round, from where this one began.
      if !done.isEmpty, (try? await remove(done, from: cell, trace: trace)) == nil { return }
    }
    var soFar = pass.found
    soFar.isAtLeast = true
    let (unfinished, found) = (pass, soFar)
    passes.withLock { $0[cell.id] = unfinished }
    sizes.withLock { sizes in
      if (sizes[cell.id]?.entries ?? 0) < found.entries { sizes[cell.id] = found }
    }
  }

  /// An operator took an entry out: the spool is looked at anew from its beginning.
  func forget(_ cell: CellID) { passes.withLock { $0[cell] = nil } }

  /// Delivers one entry to everyone it belongs to.
  ///
  /// Parts go in their order; the first that cannot be delivered keeps the entry.
  func deliver(_ spooled: Aimstors_ProtoSpoolPart, trace: String) async -> Outcome {
    let spooled = BodySplit.again(spooled)
    var holders: [DeliveryPlan.Key: TenantID] = [:]
    for key in DeliveryPlan.keys(of: spooled) {
      holders[key] = await map.holder(key.kind, key.key)
    }
    let bound: TenantID?
    do throws(Failure) {
      bound = try await binding(of: spooled)
    } catch {
      return .failed(error)
    }
    switch DeliveryPlan.make(spooled, holders: holders, bound: bound) {
    case .foreign:
      return .waits(
        Failure(.forbidden, "the Meta app is bound to a tenant, and this is another's number"))
    case .unparsed:
      return .waits(Failure(.invalidState, "the body is still not understood"))
    case .unknown(let kind, let key):
      return .waits(Failure(.invalidState, "no tenant has \(kind.rawValue) \(key)"))
    case .deliver(let deliveries):
      for delivery in deliveries {
        let outcome = await send(delivery, trace: trace)
        guard outcome == .delivered else { return outcome }
      }
      return .delivered
    }
  }

  /// The tenant that the part's Meta app is bound to; nil where it is shared.
  private func binding(of spooled: Aimstors_ProtoSpoolPart) async throws(Failure) -> TenantID? {
    let name = spooled.metaApp.isEmpty ? spooled.part.metaApp : spooled.metaApp
    guard let id = MetaAppID(name) else { return nil }
    return try await store.read { try $0.metaApp(id)?.tenant }
  }

  private func send(_ delivery: DeliveryPlan.Delivery, trace: String) async -> Outcome {
    guard let tenant = await map.tenant(delivery.tenant) else {
      return .waits(Failure(.notFound, "no tenant \(delivery.tenant)"))
    }
    let id = tenant.placement.cell
    guard let cell = roster.cell(id), roster.isAlive(id) else {
      return .waits(
        Failure(.cellUnavailable, "\(id) does not answer", retryAfterMilliseconds: 1_000))
    }
    var part = delivery.part
    part.epoch = tenant.placement.epoch.rawValue
    do throws(Failure) {
      _ = try await ask(cell, .webhookPart, try ProtoCoding.encode(part), trace: trace)
      return .delivered
    } catch {
      return .failed(error)
    }
  }

  // MARK: Spools of cells

  func query(
    _ cell: CellRecord, after: String, id: String, limit: UInt32, trace: String
  ) async throws(Failure) -> Aimstors_ProtoSpoolPage {
    var query = Aimstors_ProtoSpoolQuery()
    query.limit = limit
    query.after = after
    query.id = id
    let bytes = try await ask(cell, .spoolQuery, try ProtoCoding.encode(query), trace: trace)
    return try ProtoCoding.decode(Aimstors_ProtoSpoolPage.self, bytes)
  }

  func remove(_ ids: [String], from cell: CellRecord, trace: String) async throws(Failure) {
    var message = Aimstors_ProtoSpoolRemove()
    message.ids = ids
    _ = try await ask(cell, .spoolRemove, try ProtoCoding.encode(message), trace: trace)
  }

  private func ask(
    _ cell: CellRecord, _ method: WireMethod, _ payload: [UInt8], trace: String
  ) async throws(Failure) -> [UInt8] {
    do {
      return try await messenger.peer(at: Address(cell.address)).request(
        method, payload, timeout: ControlPlaneLimits.spoolTimeout, traceID: trace)
    } catch {
      throw CellCalls.failure(of: error, cell: cell.id)
    }
  }
}
