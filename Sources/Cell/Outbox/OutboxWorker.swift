import Logging
import Platform
import Storage
import Synchronization
import Wire

/// What the outbox works with.
///
/// Made once, by the cell node and by tests.
struct OutboxEnvironment: Sendable {
  let store: any TenantStore
  let graph: GraphClient
  let sealer: Sealer
  let gate: any SendGate
  let clock: any WallClock
  let boot: any BootClock
  let configuration: OutboxConfiguration
  let budget: InFlightBudget
  let paces: SendPaces
  /// Takes outcomes of sends whose intents are another cell's by now.
  let moved: @Sendable (TenantID, [SendResult]) async -> Void
  let logger: Logger

  init(
    store: any TenantStore, graph: GraphClient, sealer: Sealer, gate: any SendGate,
    clock: any WallClock, boot: any BootClock,
    configuration: OutboxConfiguration = OutboxConfiguration(), paces: SendPaces? = nil,
    moved: @escaping @Sendable (TenantID, [SendResult]) async -> Void = { _, _ in },
    logger: Logger
  ) {
    self.moved = moved
    self.store = store
    self.graph = graph
    self.sealer = sealer
    self.gate = gate
    self.clock = clock
    self.boot = boot
    self.configuration = configuration
    self.logger = logger
    self.paces = paces ?? SendPaces(boot: boot, clock: clock, pairs: configuration.pairs)
    budget = InFlightBudget(configuration.inFlightPerCell)
  }
}

/// Sends what tenants have committed to send.
///
/// Idle tenants cost nothing: they are woken by the commit of a command or by their due time, never
/// by polling.
final class OutboxWorker: Sendable {
  private struct State {
    var active: [TenantID: OutboxEvents] = [:]
    /// Woken while active: looked at once more at the end.
    var isWokenAgain: Set<TenantID> = []
    var queued: [TenantID] = []
    var isQueued: Set<TenantID> = []
    /// Tenants with work that a stop forbids.
    var stopped: Set<TenantID> = []
    /// When some of them were looked at last, in nanoseconds of the boot clock.
    var looks: [TenantID: UInt64] = [:]
    var isStopping = false
  }

  private let environment: OutboxEnvironment
  private let state = Mutex(State())
  private let starts: AsyncStream<TenantID>
  private let startNow: AsyncStream<TenantID>.Continuation

  init(_ environment: OutboxEnvironment) {
    self.environment = environment
    (starts, startNow) = AsyncStream.makeStream(of: TenantID.self)
  }

  /// Says that a tenant may have something to send.
  ///
  /// Cheap, from any thread.
  func wake(_ tenant: TenantID) {
    let limit = environment.configuration.activeTenants
    let events = state.withLock { state -> OutboxEvents? in
      guard !state.isStopping else { return nil }
      if let events = state.active[tenant] {
        state.isWokenAgain.insert(tenant)
        return events
      }
      if state.active.count < limit {
        start(tenant, &state)
      } else if state.isQueued.insert(tenant).inserted {
        state.queued.append(tenant)
      }
      return nil
    }
    events?.nudge()
  }

  /// Says that a command of the tenant was committed that may have queued something.
  ///
  /// While a stop holds for the whole tenant nobody looks at its queue: the lifting wakes it, and
  /// its due time does for what goes on during a stop.
  func committed(_ tenant: TenantID) {
    guard environment.gate.stopReason(tenant: tenant, phoneNumberID: "") != nil else {
      return wake(tenant)
    }
    state.withLock { _ = $0.stopped.insert(tenant) }
  }

  /// Says that a tenant has work by its due time.
  ///
  /// While a stop holds for the whole tenant, what is queued stays due: it is announced again and
  /// again. Only once in a while somebody looks then, for what goes on during a stop.
  func due(_ tenant: TenantID) {
    if environment.gate.stopReason(tenant: tenant, phoneNumberID: "") != nil {
      let now = environment.boot.nanoseconds()
      let rest = UInt64(environment.configuration.stoppedLookSeconds) * 1_000_000_000
      if state.withLock({ $0.looks[tenant].map { now < $0 + rest } ?? false }) { return }
    }
    wake(tenant)
  }

  /// Says that a stop was lifted: tenants that it held back are woken.
  func sendsMayResume() {
    let tenants = state.withLock { state in
      defer { (state.stopped, state.looks) = ([], [:]) }
      return state.stopped
    }
    for tenant in tenants.sorted() { wake(tenant) }
  }

  /// Takes no new work; what is in flight ends, its outcomes are written, and ``run()`` returns.
  func stop() {
    let active = state.withLock { state in
      state.isStopping = true
      return Array(state.active.values)
    }
    for events in active { events.stop() }
    startNow.finish()
  }

  /// How many tenants send now, and how many wait for their turn.
  var load: (active: Int, queued: Int) {
    state.withLock { ($0.active.count, $0.queued.count) }
  }

  /// Runs until ``stop()``.
  func run() async {
    await withDiscardingTaskGroup { group in
      for await tenant in starts { group.addTask { await self.serve(tenant) } }
    }
  }

  private func serve(_ tenant: TenantID) async {
    while let events = state.withLock({ $0.active[tenant] }) {
      let end = await TenantOutbox(tenant: tenant, environment: environment, events: events).run()
      let goesOn = state.withLock { state -> Bool in
        if end == .stopped {
          state.stopped.insert(tenant)
          state.looks[tenant] = environment.boot.nanoseconds()
        }
        if state.isWokenAgain.remove(tenant) != nil, end != .failed, !state.isStopping {
          state.active[tenant] = OutboxEvents()
          return true
        }
        state.active[tenant] = nil
        if !state.queued.isEmpty, !state.isStopping {
          let next = state.queued.removeFirst()
          state.isQueued.remove(next)
          start(next, &state)
        }
        return false
      }
      if !goesOn { return }
    }
  }

  private func start(_ tenant: TenantID, _ state: inout State) {
    state.active[tenant] = OutboxEvents()
    startNow.yield(tenant)
  }
}
