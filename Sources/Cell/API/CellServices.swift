import Platform
import Storage
import Wire

/// What the cell's routes and workers use.
///
/// Made once, by the cell node and by tests.
struct CellServices: Sendable {
  let store: any TenantStore
  let clock: any WallClock
  let random: any RandomSource
  let claims: any KeyClaims
  let gate: any SendGate
  let keys: APIKeys
  /// Seals access tokens at rest.
  let sealer: Sealer
  let graph: GraphClient
  /// Says that a tenant has something to send.
  ///
  /// Called after commit; short and non-blocking.
  let wakeOutbox: @Sendable (TenantID) -> Void

  init(
    store: any TenantStore, clock: any WallClock, boot: any BootClock, random: any RandomSource,
    claims: any KeyClaims, gate: any SendGate, sealer: Sealer,
    graph: GraphClient, wakeOutbox: @escaping @Sendable (TenantID) -> Void
  ) {
    self.store = store
    self.clock = clock
    self.random = random
    self.claims = claims
    self.gate = gate
    self.sealer = sealer
    self.graph = graph
    self.wakeOutbox = wakeOutbox
    keys = APIKeys(store: store, clock: clock, boot: boot)
  }
}
