import Alerts
import Cryptography
import Platform
import Storage
import Wire

/// What the cell's routes and workers use.
///
/// Made once, by the cell node and by tests.
struct CellServices: Sendable {
  private(set) var store: any TenantStore
  let clock: any WallClock
  let random: any RandomSource
  let claims: any KeyClaims
  let gate: any SendGate
  let keys: APIKeys
  /// People, their sessions and credentials.
  let identity: IdentityServices
  /// Seals access tokens at rest.
  let sealer: Sealer
  let graph: GraphClient
  /// What principals do, for anomaly detection.
  let security: SecurityEvents
  /// Says that a tenant has something to send.
  ///
  /// Called after commit; short and non-blocking.
  let wakeOutbox: @Sendable (TenantID) -> Void

  init(
    store: any TenantStore, clock: any WallClock, boot: any BootClock, random: any RandomSource,
    claims: any KeyClaims, gate: any SendGate, sealer: Sealer,
    graph: GraphClient, cell: CellID = CellID(trusted: "cell"),
    settings: IdentitySettings = IdentitySettings(),
    wakeOutbox: @escaping @Sendable (TenantID) -> Void
  ) {
    self.store = AuditedStore(base: store)
    self.clock = clock
    self.random = random
    self.claims = claims
    self.gate = gate
    self.sealer = sealer
    self.graph = graph
    self.wakeOutbox = wakeOutbox
    keys = APIKeys(store: store, clock: clock, boot: boot)
    security = SecurityEvents(store: store, windows: SecurityWindows(clock: clock))
    let alerts = AlertDelivery(
      store: store, sealer: sealer, gate: gate,
      round: AlertRound(
        mail: settings.mail,
        webhook: settings.alertWebhook
          ?? HTTPAlertWebhook(mayStayInside: settings.alertsMayStayInside), clock: clock))
    identity = IdentityServices(
      cell: cell, sessions: Sessions(store: store, clock: clock),
      limits: SignInLimits(boot: boot), passwords: PasswordWork(cost: settings.passwordCost),
      refusals: CredentialRefusals(store: store),
      letters: Letters(
        store: store, sender: settings.mail, sealer: sealer, gate: gate, clock: clock),
      witness: WitnessRounds(store: store, sealer: sealer, told: { alerts.note($0) }),
      alerts: alerts,
      alertsMayStayInside: settings.alertsMayStayInside, grantKey: GrantKey(),
      outage: LastOutage(), lifetimes: .standard, random: random)
  }

  /// The same without entries in audit logs: to measure what they cost.
  func unaudited(_ base: any TenantStore) -> CellServices {
    var services = self
    services.store = base
    return services
  }

  /// Forgets what is remembered of a tenant that left this cell, or came back as another state of
  /// itself.
  func forget(_ tenant: TenantID) {
    keys.forget(tenant)
    identity.sessions.forget(tenant)
  }

  /// What signs the checkpoints of a tenant's audit log; the same in every cell that has the key
  /// file, so that it moves with the tenant.
  func auditKey(of tenant: TenantID) -> SigningKey { sealer.auditKey(of: tenant) }
}
