import Alerts
import Edge
import Foundation
import Logging
import Messaging
import Platform
import Simulation
import Storage
import Synchronization
import Testing
import Wire

@testable import Cell

/// The cell's whole API over direct stores, with a Graph that knows one token.
final class TestAPI: Sendable {
  static let tenant = TenantID(trusted: "t1")
  static let otherTenant = TenantID(trusted: "t2")
  let clock: SimulatedWallClock
  let services: CellServices
  let claims = FakeClaims()
  let gate = FakeGate()
  let graph = FakeGraph()
  let wakes = WakeLog()
  /// Where its commands came from.
  let log: OriginLog
  let mailbox = Mailbox()
  let hook = FakeWebhook()
  private let responder: HTTPOverMessaging<CellContext>
  private let keys = Mutex(0)
  private let deadlines = Mutex<[ContinuousClock.Instant]>([])

  /// By when the newest request had to be answered.
  var lastDeadline: ContinuousClock.Instant? { deadlines.withLock { $0.last } }

  /// - Parameter idempotencyKeys: How many answers the store keeps.
  convenience init(idempotencyKeys: Int = .max) throws {
    let clock = SimulatedWallClock()
    let tenants = DirectTenants(
      schema: CellSchema.schema, clock: clock, random: SeededRandomSource(seed: 11),
      idempotencyKeys: idempotencyKeys)
    try tenants.create(Self.tenant)
    try tenants.create(Self.otherTenant)
    self.init(tenants, clock: clock)
  }

  /// Over a store that has the tenant, such as a real engine.
  init(_ store: any TenantStore, clock: SimulatedWallClock) {
    self.clock = clock
    let random = SeededRandomSource(seed: 12)
    log = OriginLog(store)
    services = CellServices(
      store: log, clock: clock, boot: FakeBoot(clock: clock), random: random, claims: claims,
      gate: gate, sealer: Sealer(key: [UInt8](repeating: 5, count: 32)),
      graph: GraphClient(
        configuration: GraphConfiguration(baseURL: "http://graph.test"), transport: graph),
      cell: CellID(trusted: "c1"),
      settings: Self.settings(mailbox, hook), wakeOutbox: wakes.note)
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    responder = CellAPI.responder(services, logger: logger)
  }

  private static func settings(_ mail: Mailbox, _ hook: FakeWebhook) -> IdentitySettings {
    var settings = IdentitySettings(passwordCost: 4, mail: mail)
    settings.alertWebhook = hook
    return settings
  }

  struct Answer {
    let status: Int
    let headers: [String: String]
    let bytes: [UInt8]
    let json: [String: any Sendable]
    var code: String? { json["code"] as? String }
    func integer(_ key: String) -> Int64? { (json[key] as? NSNumber)?.int64Value }
    /// The document with its keys in order: two answers of the same content are equal.
    var document: String {
      let data = try? JSONSerialization.data(withJSONObject: json, options: .sortedKeys)
      return data.map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
    func text(_ key: String) -> String? { json[key] as? String }
  }

  func admin(
    _ method: String, _ target: String, _ body: String = "", key: String? = nil,
    role: PeerIdentity.Role = .controlPlane, tenant: TenantID = TestAPI.tenant
  ) async -> Answer {
    await send(
      method, target, body, host: "admin", header: ("x-aimstors-operator", "ops"), key: key,
      role: role, address: "", tenant: tenant)
  }

  /// A request of the app host without a credential.
  func app(
    _ method: String, _ target: String, _ body: String = "", key: String? = nil,
    address: String = "192.0.2.1", tenant: TenantID = TestAPI.tenant
  ) async -> Answer {
    await send(
      method, target, body, host: "app", header: nil, key: key, role: .router, address: address,
      tenant: tenant)
  }

  func api(
    _ method: String, _ target: String, _ body: String = "", bearer: String, key: String? = nil,
    address: String = "192.0.2.1", tenant: TenantID = TestAPI.tenant
  ) async -> Answer {
    await send(
      method, target, body, host: "api", header: ("authorization", "Bearer \(bearer)"), key: key,
      role: .router, address: address, tenant: tenant)
  }

  /// Makes an API key by an operator and answers its text.
  func makeKey(_ fields: String = "\"scopes\":[\"*\"]") async -> String {
    let answer = await admin(
      "POST", "/v1/tenants/t1/api-keys", "{\"name\":\"test\",\"mode\":\"live\",\(fields)}")
    return answer.text("key") ?? "none: \(answer.json)"
  }

  private func send(
    _ method: String, _ target: String, _ body: String, host: String, header: (String, String)?,
    key: String?, role: PeerIdentity.Role, address: String, tenant: TenantID
  ) async -> Answer {
    var request = Aimstors_ProtoRequest()
    request.tenant = tenant.rawValue
    request.epoch = 1
    request.method = method
    request.target = target
    request.hostKind = host
    request.body = Data(body.utf8)
    request.clientAddress = address
    let made = keys.withLock { count in
      count += 1
      return "made-\(count)"
    }
    request.idempotencyKey = key ?? made
    if let header {
      var field = Aimstors_ProtoHeader()
      (field.name, field.value) = header
      request.headers = [field]
    }
    let deadline = ContinuousClock.now + .seconds(30)
    deadlines.withLock { $0.append(deadline) }
    let incoming = IncomingRequest(
      method: .http, peer: PeerIdentity(role: role, id: "p", generation: .first),
      deadline: deadline,
      traceID: String(repeating: "a", count: 32), payload: [])
    let response = await responder.respond(to: request, from: incoming)
    // Whatever a test asks for: the published document says what comes.
    let faults = PublishedDocument.faults(
      host, method, target, status: Int(response.status), body: [UInt8](response.body))
    #expect(faults.isEmpty, "\(faults)")
    let json = try? JSONSerialization.jsonObject(with: response.body)
    return Answer(
      status: Int(response.status),
      headers: Dictionary(
        response.headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { $1 }),
      bytes: [UInt8](response.body), json: (json as? [String: any Sendable]) ?? [:])
  }
}

/// A tenant's server that takes alerts, or refuses them.
final class FakeWebhook: AlertWebhookSender {
  struct Post: Sendable {
    let body: [UInt8]
    let signature: String
    let url: String
  }
  private let state = Mutex((posts: [Post](), isDown: false))

  var posts: [Post] { state.withLock { $0.posts } }
  func set(down isDown: Bool) { state.withLock { $0.isDown = isDown } }

  func post(_ body: [UInt8], signature: String, to url: String) async throws(AlertFailure) {
    let isTaken = state.withLock { state in
      guard !state.isDown else { return false }
      state.posts.append(Post(body: body, signature: signature, url: url))
      return true
    }
    guard isTaken else { throw AlertFailure("the server did not answer") }
  }
}

/// Letters that were sent.
final class Mailbox: MailSender {
  private let letters = Mutex<[Mail]>([])

  private let refused = Mutex<Set<String>>([])
  struct Refused: Error {}

  /// Whoever is refused gets nothing, as by a server that does not know them.
  func refuse(_ addresses: Set<String>) { refused.withLock { $0 = addresses } }

  func send(_ mail: Mail) async throws {
    guard refused.withLock({ !$0.contains(mail.to) }) else { throw Refused() }
    letters.withLock { $0.append(mail) }
  }

  /// The token in the newest letter to an address.
  func token(to email: String) -> String? {
    letters.withLock { $0.last { $0.to == email } }?.text.split(whereSeparator: \.isWhitespace)
      .first { $0.hasPrefix("aot_") }.map(String.init)
  }

  var count: Int { letters.withLock { $0.count } }
  var all: [Mail] { letters.withLock { $0 } }
}

final class FakeClaims: KeyClaims {
  let taken = Mutex<[String: TenantID]>([:])
  let names = Mutex<[String: String]>([:])
  private let apps: Set = ["default"]

  func claim(
    _ kind: ClaimKind, _ key: String, for tenant: TenantID, name: String?,
    through app: MetaAppID?
  ) async throws(Failure) {
    if let app, !apps.contains(app.rawValue) {
      throw Failure(.invalidField, "meta_app: no such Meta app")
    }
    if let name { names.withLock { $0[name] = key } }
    let holder = taken.withLock { taken in
      taken["\(kind)/\(key)", default: tenant]
    }
    guard holder == tenant else { throw Failure(.numberClaimed, "another tenant's") }
    taken.withLock { $0["\(kind)/\(key)"] = tenant }
  }

  func release(_ kind: ClaimKind, _ key: String, of tenant: TenantID) async throws(Failure) {
    taken.withLock { $0["\(kind)/\(key)"] = nil }
  }
}

final class FakeGate: SendGate {
  func note(numberID: String, phoneNumberID: String) {}
  let current = Mutex(TenantState.active)
  let notice = Mutex(NoticeRule.all)
  func notices(of tenant: TenantID) -> NoticeRule { notice.withLock { $0 } }
  func stopReason(tenant: TenantID, phoneNumberID: String) -> StopReason? { nil }
  func state(of tenant: TenantID) -> TenantState { current.withLock { $0 } }
}

struct FakeBoot: BootClock {
  let clock: SimulatedWallClock
  func nanoseconds() -> UInt64 { UInt64(clock.milliseconds()) * 1_000_000 }
}

/// Which tenants the outbox was woken for.
final class WakeLog: Sendable {
  private let tenants = Mutex<[TenantID]>([])
  var count: Int { tenants.withLock { $0.count } }
  @Sendable func note(_ tenant: TenantID) { tenants.withLock { $0.append(tenant) } }
}

struct FakeGraph: GraphTransport {
  func perform(_ request: GraphRequest) async throws(GraphTransportError) -> GraphResponse {
    guard request.headers.contains(where: { $0.value == "Bearer good" }) else {
      let error = #"{"error":{"message":"no","type":"OAuthException","code":190}}"#
      return GraphResponse(status: 401, body: Array(error.utf8))
    }
    if request.url.contains("/phone_numbers") {
      let numbers = request.url.contains("/7/") ? #"{"id":"106"}"# : ""
      return GraphResponse(status: 200, body: Array("{\"data\":[\(numbers)]}".utf8))
    }
    let body =
      request.method == "POST"
      ? #"{"success":true}"#
      : #"{"id":"106","display_phone_number":"+1 555","quality_rating":"GREEN"}"#
    return GraphResponse(status: 200, body: Array(body.utf8))
  }
}
