import Logging
import Messaging
import Synchronization
import Wire

/// Takes webhook parts from the cells' spools to their owners.
///
/// Delivering is idempotent in the owner and removing in the spool, so a round may stop anywhere
/// and two may overlap.
final class SpoolRounds: Sendable {
  /// What the last pass found in one cell's spool.
  struct Size: Hashable, Sendable {
    var entries: Int
    /// The pass is not over: there may be more.
    var isAtLeast: Bool
    var oldest: Timestamp?

    mutating func add(_ receivedAt: Timestamp) {
      entries += 1
      oldest = min(oldest ?? receivedAt, receivedAt)
    }
  }

  enum Outcome: Hashable, Sendable {
    case delivered
    case stays(Failure)
  }

  private let store: PlatformStore
  private let map: MapService
  private let roster: CellRoster
  private let messenger: any Messenger
  private let logger: Logger
  /// A pass over one spool, which may take several rounds: what stays must not hide what could go.
  private struct Pass {
    /// The last entry looked at.
    var position = ""
    var found = Size(entries: 0, isAtLeast: false, oldest: nil)
  }

  private let sizes = Mutex<[CellID: Size]>([:])
  private let passes = Mutex<[CellID: Pass]>([:])

  init(
    store: PlatformStore, map: MapService, roster: CellRoster, messenger: any Messenger,
    logger: Logger
  ) {
    self.store = store
    self.map = map
    self.roster = roster
    self.messenger = messenger
    self.logger = logger
  }

  func lastSizes() -> [CellID: Size] { sizes.withLock { $0 } }

  /// One round over every living cell's spool.
  func drain(trace: String) async {
    await withTaskGroup(of: Void.self) { group in
      for cell in roster.living() {
        group.addTask { await self.drain(cell, trace: trace) }
      }
    }
  }

  private func drain(_ cell: CellRecord, trace: String) async {
    var pass = passes.withLock { $0[cell.id] ?? Pass() }
    for _ in 0..<ControlPlaneLimits.drainPages {
      guard
        let page = try? await query(
          cell, after: pass.position, id: "", limit: ControlPlaneLimits.drainBatch, trace: trace)
      else { return }
      guard let last = page.entries.last else {
        let found = pass.found
        sizes.withLock { $0[cell.id] = found }
        passes.withLock { $0[cell.id] = Pass() }
        return
      }
      var done: [String] = []
      for entry in page.entries {
        if await deliver(entry.part, trace: trace) == .delivered {
          done.append(entry.id)
        } else {
          pass.found.add(Timestamp(milliseconds: entry.part.receivedAtMs))
        }
      }
      if !done.isEmpty { try? await remove(done, from: cell, trace: trace) }
      pass.position = last.id
    }
    var soFar = pass.found
    soFar.isAtLeast = true
    let (unfinished, found) = (pass, soFar)
    passes.withLock { $0[cell.id] = unfinished }
    sizes.withLock { sizes in
      if (sizes[cell.id]?.entries ?? 0) < found.entries { sizes[cell.id] = found }
    }
  }

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
      return .stays(error)
    }
    switch DeliveryPlan.make(spooled, holders: holders, bound: bound) {
    case .foreign:
      return .stays(
        Failure(.forbidden, "the Meta app is bound to a tenant, and this is another's number"))
    case .unparsed:
      return .stays(Failure(.invalidState, "the body is still not understood"))
    case .unknown(let kind, let key):
      return .stays(Failure(.invalidState, "no tenant has \(kind.rawValue) \(key)"))
    case .deliver(let deliveries):
      for delivery in deliveries {
        do {
          try await send(delivery, trace: trace)
        } catch {
          return .stays(error)
        }
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

  private func send(_ delivery: DeliveryPlan.Delivery, trace: String) async throws(Failure) {
    guard let tenant = await map.tenant(delivery.tenant) else {
      throw Failure(.notFound, "no tenant \(delivery.tenant)")
    }
    let id = tenant.placement.cell
    guard let cell = roster.cell(id), roster.isAlive(id) else {
      throw Failure(.cellUnavailable, "\(id) does not answer", retryAfterMilliseconds: 1_000)
    }
    var part = delivery.part
    part.epoch = tenant.placement.epoch.rawValue
    _ = try await ask(cell, .webhookPart, try ProtoCoding.encode(part), trace: trace)
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
