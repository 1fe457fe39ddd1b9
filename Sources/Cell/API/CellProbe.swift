import Edge
import Logging
import Messaging
import Platform
import Storage
import Trust
import Wire

/// A cell's routes over a store of one's own, without network and process: what the bench of
/// identity measures.
package struct CellProbe: Sendable {
  private let services: CellServices
  private let responder: HTTPOverMessaging<CellContext>

  /// - Parameter audits: False: nothing is written to audit logs, to see what they cost.
  package init(store: any TenantStore, audits: Bool = true) {
    let clock = LiveWallClock()
    let sealer = Sealer(key: [UInt8](repeating: 7, count: 32))
    let services = CellServices(
      store: store, clock: clock, boot: LiveBootClock(), random: LiveRandomSource(),
      claims: NoClaims(), gate: OpenGate(), sealer: sealer,
      graph: GraphClient(
        configuration: GraphConfiguration(baseURL: "http://127.0.0.1:9"), transport: NoGraph()),
      wakeOutbox: { _ in })
    self.services = audits ? services : services.unaudited(store)
    var logger = Logger(label: "probe")
    logger.logLevel = .error
    responder = CellAPI.responder(self.services, logger: logger)
  }

  /// One request of an operator.
  package func admin(
    _ method: String, _ target: String, _ body: String, tenant: TenantID, key: String
  ) async -> (status: Int, body: [UInt8]) {
    var request = Aimstors_ProtoRequest()
    request.tenant = tenant.rawValue
    request.epoch = Epoch.first.rawValue
    request.method = method
    request.target = target
    request.hostKind = "admin"
    request.body = .init(body.utf8)
    request.idempotencyKey = key
    var header = Aimstors_ProtoHeader()
    (header.name, header.value) = ("x-aimstors-operator", "bench")
    request.headers = [header]
    let response = await responder.respond(
      to: request,
      from: IncomingRequest(
        method: .http, peer: PeerIdentity(role: .controlPlane, id: "probe", generation: .first),
        deadline: .now.advanced(by: .seconds(60)), traceID: String(repeating: "0", count: 32),
        payload: []))
    return (Int(response.status), [UInt8](response.body))
  }

  /// Whether a key is let in.
  package func admits(_ text: String, from address: String) async throws -> Bool {
    guard let key = APIKeyText(text) else { return false }
    guard case .success = try await services.keys.admit(key, from: address, epoch: .first) else {
      return false
    }
    return true
  }

  /// Writes entries to a tenant's audit log, as commands do.
  package func fillAuditLog(of tenant: TenantID, entries: Range<Int>) async throws {
    try await services.store.write(
      tenant, CommandOrigin(requestID: "fill", traceID: "", bytes: 1_000_000)
    ) { tx in
      let log = try AuditLog(tx)
      for index in entries {
        try log.append(
          AuditEvent(
            action: "template.put", actor: .init(.user, "usr_0123456789abc", session: "ses_1"),
            subject: "/v1/templates/offer_\(index)/en_US",
            detail: [.init("version", "\(index % 9)")], address: "198.51.100.\(index % 250)",
            traceID: String(repeating: "a", count: 32)), at: tx.now)
      }
    }
  }

  /// The time that a proof takes, and whether it holds: that an entry is in the log, and that the
  /// log has only grown since it had `old` entries.
  package func prove(
    _ tenant: TenantID, entry: Int64, since old: Int64
  ) async throws -> (inclusion: Bool, consistency: Bool) {
    try await services.store.read(tenant, [.sessions]) { snapshot in
      let log = AuditLog(snapshot)
      let size = try log.size()
      let root = try log.root(size: size)
      let leaf = try AuditStore(snapshot).leaves(from: entry, count: 1)
      return (
        MerkleTree.isIncluded(
          leaf, index: entry, size: size, path: try log.inclusion(of: entry, size: size),
          root: root),
        MerkleTree.isConsistent(
          old: old, oldRoot: try log.root(size: old), new: size, newRoot: root,
          path: try log.consistency(from: old, size: size))
      )
    }
  }

  /// The key that a tenant's log is signed with, in hexadecimal.
  package func auditKey(of tenant: TenantID) -> String {
    services.auditKey(of: tenant).verifying.bytes.hexText
  }
}

/// Claims nothing, and says that it did.
struct NoClaims: KeyClaims {
  func claim(
    _ kind: ClaimKind, _ key: String, for tenant: TenantID, name: String?,
    through app: MetaAppID?
  ) async throws(Failure) {}
  func release(_ kind: ClaimKind, _ key: String, of tenant: TenantID) async throws(Failure) {}
}

private struct OpenGate: SendGate {
  func note(numberID: String, phoneNumberID: String) {}
  func stopReason(tenant: TenantID, phoneNumberID: String) -> StopReason? { nil }
  func state(of tenant: TenantID) -> TenantState { .active }
}

/// A Graph that nobody reaches.
struct NoGraph: GraphTransport {
  func perform(_ request: GraphRequest) async throws(GraphTransportError) -> GraphResponse {
    GraphResponse(status: 503, body: [])
  }
}
