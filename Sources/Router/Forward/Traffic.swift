import Edge
import Synchronization
import Wire

/// The counts behind the limits on what is in flight and parked, and who has signed.
final class Traffic: Sendable {
  private struct State {
    var tenants: InFlight<TenantID>
    var cells: InFlight<CellID>
    var controlPlane: InFlight<Int>
    var webhooks: InFlight<Int>
    var parking: Parking
    var bodies: BodyRoom
    var senders: SignedSenders
  }

  private let state: Mutex<State>

  init(limits: RouterLimits) {
    state = Mutex(
      State(
        tenants: InFlight(limit: limits.perTenant), cells: InFlight(limit: limits.perCell),
        controlPlane: InFlight(limit: limits.perControlPlane),
        webhooks: InFlight(limit: limits.webhooksInFlight), parking: Parking(limits: limits),
        bodies: BodyRoom(limits: limits), senders: SignedSenders(limits: limits)))
  }

  func enter(_ tenant: TenantID) -> Bool { state.withLock { $0.tenants.enter(tenant) } }
  func leave(_ tenant: TenantID) { state.withLock { $0.tenants.leave(tenant) } }
  func enter(_ cell: CellID) -> Bool { state.withLock { $0.cells.enter(cell) } }
  func leave(_ cell: CellID) { state.withLock { $0.cells.leave(cell) } }
  func enterControlPlane() -> Bool { state.withLock { $0.controlPlane.enter(0) } }
  func leaveControlPlane() { state.withLock { $0.controlPlane.leave(0) } }
  func enterWebhook() -> Bool { state.withLock { $0.webhooks.enter(0) } }
  func leaveWebhook() { state.withLock { $0.webhooks.leave(0) } }

  func park(_ tenant: TenantID, bytes: Int) -> Bool {
    state.withLock { $0.parking.enter(tenant, bytes: bytes) }
  }

  func unpark(_ tenant: TenantID, bytes: Int) {
    state.withLock { $0.parking.leave(tenant, bytes: bytes) }
  }

  func enter(
    _ holder: BodyRoom.Holder, from address: NetworkAddress?, bytes: Int
  ) -> BodyRoom.Entry {
    state.withLock { $0.bodies.enter(holder, from: address, bytes: bytes) }
  }

  func leave(_ holder: BodyRoom.Holder, from address: NetworkAddress?, bytes: Int) {
    state.withLock { $0.bodies.leave(holder, from: address, bytes: bytes) }
  }

  /// Whether `address` sent a signed webhook of `app` lately; `now` in nanoseconds.
  func hasSigned(_ address: NetworkAddress, of app: MetaAppID, now: Int64) -> Bool {
    state.withLock { $0.senders.contains(address, of: app, now: now) }
  }

  func noteSigned(_ address: NetworkAddress, of app: MetaAppID, now: Int64) {
    state.withLock { $0.senders.note(address, of: app, now: now) }
  }

  /// Bytes of large bodies, in all.
  var bodyBytes: Int { state.withLock { $0.bodies.bytes } }
  var inFlight: Int { state.withLock { $0.tenants.total + $0.controlPlane.total } }
  var parked: (requests: Int, bytes: Int) {
    state.withLock { ($0.parking.count, $0.parking.bytes) }
  }
}
