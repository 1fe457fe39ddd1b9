import Platform
import Synchronization
import Trust
import Wire

/// What every principal does, counted in memory by the minute; nothing of it on a request's path
/// but a few additions.
final class SecurityWindows: Sendable {
  /// Principals counted at a time in one cell; what comes beyond is counted as dropped.
  static let capacity = 20_000
  /// Different routes, addresses or programs told apart in one window.
  static let distinct = 64
  /// A window ends early where nothing came for so long: its tenant's files are open still, and
  /// are not opened again for an event.
  static let quietSeconds: Int64 = 12

  struct Key: Hashable, Sendable {
    let tenant: TenantID
    let kind: AuditEvent.Actor.Kind
    let principal: String
  }
  /// One window of one principal.
  struct Window: Sendable {
    let began: Timestamp
    var last: Timestamp
    var features = SecurityEvent.Features()
    var routes: Set<String> = []
    var addresses: Set<String> = []
    var agents: Set<String> = []
  }
  /// One request as it ended.
  struct Ended: Sendable {
    let tenant: TenantID
    let facts: RequestObservation.Facts
    let route: String
    let status: Int
    let address: String
    let agent: String
    let responseBytes: Int
  }
  private struct State {
    var windows: [Key: Window] = [:]
    var dropped: Int64 = 0
  }

  private let clock: any WallClock
  private let state = Mutex(State())

  init(clock: any WallClock) { self.clock = clock }

  /// Requests that were not counted, since too many principals were active.
  var dropped: Int64 { state.withLock { $0.dropped } }

  func note(_ request: Ended) {
    let now = Timestamp(milliseconds: clock.milliseconds())
    let key = Key(
      tenant: request.tenant, kind: request.facts.kind, principal: request.facts.principal)
    state.withLock { state in
      guard state.windows[key] != nil || state.windows.count < Self.capacity else {
        state.dropped += 1
        return
      }
      state.windows[key, default: Window(began: now, last: now)].add(request, at: now)
    }
  }

  /// Takes the windows that are over; all of them where the cell stops.
  func take(all isAll: Bool = false) -> [TenantID: [(Key, Window)]] {
    let now = Timestamp(milliseconds: clock.milliseconds())
    let over = state.withLock { state in
      let over = state.windows.filter { isAll || $0.value.isOver(at: now) }
      for key in over.keys { state.windows[key] = nil }
      return over
    }
    return Dictionary(grouping: over.map { ($0.key, $0.value) }, by: \.0.tenant)
  }
}

extension SecurityWindows.Window {
  /// A minute after its first request, or where its principal has been quiet for a while.
  func isOver(at now: Timestamp) -> Bool {
    began <= now.adding(seconds: -SecurityEvent.windowSeconds)
      || last <= now.adding(seconds: -SecurityWindows.quietSeconds)
  }

  mutating func add(_ request: SecurityWindows.Ended, at now: Timestamp) {
    last = now
    features.requests += 1
    if (400..<500).contains(request.status) { features.refused += 1 }
    if request.status >= 500 { features.failed += 1 }
    features.requestBytes += request.facts.requestBytes
    features.responseBytes += Int64(request.responseBytes)
    let (sum, isOver) = features.spendMicros.addingReportingOverflow(request.facts.spendMicros)
    features.spendMicros = isOver ? .max : sum
    func put(_ value: String, in set: inout Set<String>) {
      if set.count < SecurityWindows.distinct, !value.isEmpty { set.insert(value) }
    }
    put(request.route, in: &routes)
    put(request.address, in: &addresses)
    put(request.agent, in: &agents)
  }
}
