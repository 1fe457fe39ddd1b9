import Platform
import Synchronization
import Wire

/// The paces of all tenants that sent lately.
///
/// A tenant has one at a time, which is changed in its place: an outbox that runs holds it.
final class SendPaces: Sendable {
  private struct Entry {
    let pace: HeldPace
    /// Outboxes that hold it.
    var users = 0
  }
  private struct State {
    var entries: [TenantID: Entry] = [:]
    /// How many there are before those that have rested are forgotten.
    var bound = SendPaces.smallestBound
  }
  /// How many paces of tenants without work are held before anybody looks which have rested.
  static let smallestBound = 256

  private let boot: any BootClock
  private let clock: any WallClock
  private let pairs: Int
  private let state = Mutex(State())

  /// - Parameter pairs: How many pairs of number and recipient are remembered for each tenant.
  init(boot: any BootClock, clock: any WallClock, pairs: Int = OutboxConfiguration().pairs) {
    self.boot = boot
    self.clock = clock
    self.pairs = pairs
  }

  /// The pace of a tenant whose outbox begins to run; ``ended(_:)`` gives it back.
  func begun(_ tenant: TenantID) -> HeldPace {
    state.withLock { state in
      if state.entries[tenant] == nil, state.entries.count >= state.bound { forgetRested(&state) }
      return pace(of: tenant, users: 1, &state)
    }
  }

  /// The tenant's outbox has nothing to send for now.
  func ended(_ tenant: TenantID) {
    state.withLock { state in
      guard var entry = state.entries[tenant] else { return }
      entry.users -= 1
      state.entries[tenant] = entry.users <= 0 && hasRested(entry.pace) ? nil : entry
    }
  }

  /// An outcome of a send that was another cell's.
  func hear(_ result: SendResult, of tenant: TenantID) {
    guard SendPace.slows(result) else { return }
    let now = boot.nanoseconds()
    state.withLock { pace(of: tenant, &$0) }.use { $0.hear(result, now) }
  }

  /// The tenant is not here any more.
  func forget(_ tenant: TenantID) {
    state.withLock { state in
      guard let entry = state.entries[tenant] else { return }
      entry.pace.use { $0 = SendPace(pairs: pairs) }
      if entry.users == 0 { state.entries[tenant] = nil }
    }
  }

  /// What is left of a tenant's pace: it travels with the tenant.
  func left(of tenant: TenantID) -> SendPace.Left {
    guard let pace = state.withLock({ $0.entries[tenant]?.pace }) else { return SendPace.Left() }
    let (now, milliseconds) = (boot.nanoseconds(), clock.milliseconds())
    return pace.use { $0.left(now, milliseconds: milliseconds) }
  }

  /// Goes on with the pace that a tenant had in the cell that it came from.
  func take(_ left: SendPace.Left, of tenant: TenantID) {
    let arrived = SendPace(
      left, pairs: pairs, boot.nanoseconds(), milliseconds: clock.milliseconds())
    state.withLock { pace(of: tenant, &$0) }.use { $0 = arrived }
  }

  /// The tenant's pace, with so many more who hold it; a new one where there is none.
  private func pace(of tenant: TenantID, users: Int = 0, _ state: inout State) -> HeldPace {
    var entry = state.entries[tenant] ?? Entry(pace: HeldPace(SendPace(pairs: pairs)))
    entry.users += users
    state.entries[tenant] = entry
    return entry.pace
  }

  /// Costs a look at each, and so waits until there are twice as many as were left the last time.
  private func forgetRested(_ state: inout State) {
    state.entries = state.entries.filter { $0.value.users > 0 || !hasRested($0.value.pace) }
    state.bound = max(Self.smallestBound, 2 * state.entries.count)
  }

  private func hasRested(_ pace: HeldPace) -> Bool {
    let (now, milliseconds) = (boot.nanoseconds(), clock.milliseconds())
    return pace.use { $0.rest(now, milliseconds: milliseconds) }
  }
}

/// One tenant's pace, which its outbox changes and a move reads.
final class HeldPace: Sendable {
  private let pace: Mutex<SendPace>

  init(_ pace: SendPace) { self.pace = Mutex(pace) }

  func use<Result: Sendable>(_ body: (inout SendPace) -> Result) -> Result {
    pace.withLock { body(&$0) }
  }
}
