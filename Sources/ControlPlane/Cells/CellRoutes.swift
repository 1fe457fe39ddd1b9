import Edge
import Hummingbird
import Storage
import Wire

/// A cell as the API shows it.
struct CellView: ResponseEncodable, Sendable {
  struct Lag: Encodable, Sendable {
    let records: UInt64
    let bytes: UInt64
    let seconds: UInt64

    init(_ lag: ReplicaRoster.Lag) {
      records = lag.records
      bytes = lag.bytes
      seconds = UInt64(clamping: (lag.milliseconds + 999) / 1_000)
    }
  }

  let id: String
  let region: String
  let state: String
  let alive: Bool
  let address: String
  let generation: UInt64
  let tenants: Int
  let openTenants: Int
  let capacity: Int
  let operationsPerSecond: Int
  let journalBytes: UInt64
  let diskFreeBytes: UInt64?
  /// Of its followers; null without one.
  let lag: Lag?
  let version: String
  let joinedAt: Timestamp
  let lastHeartbeatAt: Timestamp?
  /// Since when the oldest work of its outbox has been due; null: nothing waits.
  let oldestDueAt: Timestamp?

  enum CodingKeys: String, CodingKey {
    case id, region, state, alive, address, generation, tenants, capacity, lag, version
    case openTenants = "open_tenants"
    case operationsPerSecond = "operations_per_second"
    case journalBytes = "journal_bytes"
    case diskFreeBytes = "disk_free_bytes"
    case joinedAt = "joined_at"
    case lastHeartbeatAt = "last_heartbeat_at"
    case oldestDueAt = "oldest_due_at"
  }

  /// `tenants` counts the placements, not what the cell last said.
  init(_ sight: CellRoster.Sight, tenants: Int, capacity: Int, lag: Lag?) {
    id = sight.record.id.rawValue
    region = sight.record.region.rawValue
    state = sight.record.state.rawValue
    alive = sight.isAlive
    address = sight.record.address
    generation = sight.record.generation.rawValue
    self.tenants = tenants
    openTenants = sight.report.openTenants
    self.capacity = capacity
    operationsPerSecond = Int(sight.report.operationsPerSecond.rounded())
    journalBytes = sight.report.journalBytes
    diskFreeBytes = sight.report.diskFreeBytes
    self.lag = lag
    version = sight.record.version
    joinedAt = sight.record.joinedAt
    lastHeartbeatAt = sight.lastHeard
    oldestDueAt = sight.report.oldestDue
  }
}

/// `/v1/cells`.
struct CellRoutes: Sendable {
  struct TokenInput: Decodable, Sendable {
    let cell: CellID?
    let region: RegionID?
    let expiresInSeconds: Int64?

    enum CodingKeys: String, CodingKey {
      case cell, region
      case expiresInSeconds = "expires_in_seconds"
    }
  }

  /// What is stored under the idempotency key: the token itself is derived again at each answer.
  struct StoredToken: Codable, Sendable {
    let id: String
    let cell: String?
    let region: String?
    let expiresAt: Timestamp

    /// In one order of members, so that a repeat is answered byte for byte.
    func shown(with token: String) -> JSONValue {
      func orNull(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }
      return [
        "id": .string(id), "token": .string(token), "cell": orNull(cell),
        "region": orNull(region), "expires_at": .string(expiresAt.rfc3339),
      ]
    }
  }

  let services: AdminServices

  func register(on router: Router<EdgeContext>) {
    router.get("/v1/cells", use: list)
    router.get("/v1/cells/:id", use: show)
    router.post("/v1/cells/join-tokens", use: createToken)
  }

  @Sendable private func list(_ request: Request, _ context: EdgeContext) async throws
    -> Page<CellView>
  {
    let query = try ListQuery(request)
    let after = query.after ?? ""
    let views = try await views().filter { $0.id > after }.prefix(query.limit + 1)
    return Page(Array(views), query) { $0.id }
  }

  @Sendable private func show(_ request: Request, _ context: EdgeContext) async throws -> CellView {
    let id = try context.parameter("id")
    guard let view = try await views().first(where: { $0.id == id }) else {
      throw Failure(.notFound, "no such cell")
    }
    return view
  }

  private func views() async throws(Failure) -> [CellView] {
    let counts = try await services.store.read { try $0.tenantCounts().mapValues(\.tenants) }
    return services.roster.sights().map { sight in
      CellView(
        sight, tenants: counts[sight.record.id] ?? 0,
        capacity: services.configuration.tenantsPerCell,
        lag: services.replicas.lag(of: sight.record.id).map(CellView.Lag.init))
    }
  }

  @Sendable private func createToken(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let body = try await AdminBody.read(request)
    let input =
      body.bytes.isEmpty
      ? TokenInput(cell: nil, region: nil, expiresInSeconds: nil)
      : try body.decode(TokenInput.self)
    let lifetime = input.expiresInSeconds ?? ControlPlaneLimits.joinTokenLifetimeSeconds
    guard (1...ControlPlaneLimits.joinTokenLifetimeMaximumSeconds).contains(lifetime) else {
      throw Failure(
        .invalidField,
        "expires_in_seconds must be 1 to \(ControlPlaneLimits.joinTokenLifetimeMaximumSeconds)")
    }
    let command = try AdminCommand(request, body, context, services)
    let secrets = services.secrets
    let answer = try await command.perform { transaction, rows in
      let id = transaction.freshID().text(.joinToken)
      let token = JoinToken(
        id: id, hash: Digests.sha256(secrets.joinToken(id: id)), cell: input.cell,
        region: input.region, createdAt: transaction.now,
        expiresAt: transaction.now.adding(seconds: lifetime))
      try rows.removeJoinTokens(
        expiredAt: transaction.now, limit: ControlPlaneLimits.expiredTokensPerCommand)
      try rows.insert(token)
      try rows.append(
        command.audit("join_token.create", id), id: transaction.freshID(), at: transaction.now)
      return try .json(
        201,
        StoredToken(
          id: id, cell: input.cell?.rawValue, region: input.region?.rawValue,
          expiresAt: token.expiresAt))
    }
    let stored = try EdgeJSON.decode(StoredToken.self, from: answer.body)
    var json: [UInt8] = []
    stored.shown(with: secrets.joinToken(id: stored.id)).append(to: &json)
    var response = StoredAnswer(
      status: answer.status, contentType: answer.contentType, body: json
    ).response
    response.headers[.cacheControl] = "no-store"
    return response
  }
}
