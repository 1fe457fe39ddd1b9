import Logging
import Messaging
import Synchronization
import Wire

/// Takes webhook parts from the cells' spools to their owners.
///
/// Delivering is idempotent in the owner and removing in the spool, so a round may stop anywhere
/// and two may overlap.
final class SpoolRounds: Sendable {
  /// What the last round found in one cell's spool.
  struct Size: Hashable, Sendable {
    var entries: Int
    /// There may be more than a round looks at.
    var isAtLeast: Bool
    var oldest: Timestamp?
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
  private let sizes = Mutex<[CellID: Size]>([:])
  /// Where the next round goes on in each spool, so that what stays does not hide what could go.
  private let positions = Mutex<[CellID: String]>([:])

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
    let after = positions.withLock { $0[cell.id] ?? "" }
    let limit = ControlPlaneLimits.drainBatch
    guard let page = try? await query(cell, after: after, id: "", limit: limit, trace: trace)
    else { return }
    var done: [String] = []
    for entry in page.entries where await deliver(entry.part, trace: trace) == .delivered {
      done.append(entry.id)
    }
    if !done.isEmpty { try? await remove(done, from: cell, trace: trace) }
    let isLast = page.entries.count < Int(limit)
    let last = page.entries.last?.id ?? ""
    positions.withLock { $0[cell.id] = isLast ? "" : last }
    let left = page.entries.filter { !done.contains($0.id) }
    sizes.withLock { sizes in
      sizes[cell.id] = Size(
        entries: left.count, isAtLeast: !isLast || !after.isEmpty,
        oldest: left.map(\.part.receivedAtMs).min().map { Timestamp(milliseconds: $0) })
    }
  }

  /// Delivers one entry to everyone it belongs to. Parts go in their order; the first that cannot
  /// be delivered keeps the entry.
  func deliver(_ spooled: Aimstors_ProtoSpoolPart, trace: String) async -> Outcome {
    var holders: [DeliveryPlan.Key: TenantID] = [:]
    for key in DeliveryPlan.keys(of: spooled) {
      holders[key] = await map.holder(key.kind, key.key)
    }
    switch DeliveryPlan.make(spooled, holders: holders) {
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
