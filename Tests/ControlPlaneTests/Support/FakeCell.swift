import Messaging
import Storage
import Synchronization
import Wire

/// A cell that remembers what it was told and answers at once.
final class FakeCell: Sendable {
  struct State {
    var provisioned: [Aimstors_ProtoTenantProfile] = []
    var states: [Aimstors_ProtoTenantProfile] = []
    var stops: [Aimstors_ProtoSendStop] = []
    var requests: [Aimstors_ProtoRequest] = []
    var parts: [Aimstors_ProtoWebhookPart] = []
    var spool: [Aimstors_ProtoSpoolEntry] = []
    var ended: [String] = []
    /// What it is asked as long work, and what it answers; the last answer is given again.
    var work: [Aimstors_ProtoCellWork] = []
    var workAnswers: [Aimstors_ProtoCellWorkStatus] = []
    /// What it answers to one kind of it, before anything else.
    var answersByKind: [String: Aimstors_ProtoCellWorkStatus] = [:]
    /// What it refuses questions of one kind with, one after the other, before it answers.
    var refusalsByKind: [String: [Failure]] = [:]
    /// Whether it has an empty disk and may be made the cell; how it was asked to.
    var acceptsTakeover = false
    var takeovers: [Aimstors_ProtoReplicaPromote] = []
    /// What the control plane gave it at its first join.
    var credential = ""
    /// Refuses everything of the control plane with this while set.
    var refusal: Failure?
    /// What it was ordered about its program, and what it answers.
    var orders: [Aimstors_ProtoProgramOrder] = []
    var program = Aimstors_ProtoProgramState()
    /// How often the spool was looked at.
    var looks = 0
    /// What happens before the spool is looked at the next time.
    var beforeLook: (@Sendable () async -> Void)?
  }

  let id: String
  let region: String
  let messenger: InMemoryMessenger
  let address: Address
  private let state = Mutex(State())

  private init(id: String, region: String, messenger: InMemoryMessenger, address: Address) {
    self.id = id
    self.region = region
    self.messenger = messenger
    self.address = address
  }

  /// Listens on `network`, at its own address from the start.
  static func start(_ id: String, region: String = "eu", on network: InMemoryNetwork) async throws
    -> FakeCell
  {
    let messenger = InMemoryMessenger(
      identity: PeerIdentity(role: .cell, id: id, generation: .first), network: network)
    let box = Mutex<FakeCell?>(nil)
    let address = try await messenger.listen(at: Address("tcp://\(id):0")) {
      (request) async throws(Failure) -> [UInt8] in
      guard let cell = box.withLock({ $0 }) else { throw Failure(.recovering, "not yet") }
      await cell.beforeAnswer(request)
      return try cell.answer(request)
    }
    let cell = FakeCell(id: id, region: region, messenger: messenger, address: address)
    box.withLock { $0 = cell }
    return cell
  }

  var seen: State { state.withLock { $0 } }
  var credential: String { seen.credential }
  func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

  func join(
    _ control: Address, token: String = "", credential: String = "",
    tenants: [Aimstors_ProtoOwnedTenant] = [], generation: UInt64 = 1, version: String = "test",
    reads: UInt32 = FormatLevel.newest
  ) async throws -> Aimstors_ProtoJoined {
    var join = Aimstors_ProtoJoin()
    join.cell = id
    join.region = region
    join.address = address.url
    join.joinToken = token
    join.credential = credential
    join.generation = generation
    join.version = version
    join.readsLevel = reads
    join.tenants = tenants
    let bytes = try await ask(control, .join, try join.serializedBytes())
    let joined = try Aimstors_ProtoJoined(serializedBytes: bytes)
    change { $0.credential = joined.credential }
    return joined
  }

  func heartbeat(
    _ control: Address, operations: UInt64 = 0, disk: UInt64 = 1 << 40,
    problems: [Aimstors_ProtoProblem] = [], oldestDue: Int64 = 0, generation: UInt64 = 1,
    hasFollower: Bool = false
  ) async throws {
    var heartbeat = Aimstors_ProtoHeartbeat()
    heartbeat.cell = id
    heartbeat.generation = generation
    heartbeat.operations = operations
    heartbeat.diskFreeBytes = disk
    heartbeat.problems = problems
    heartbeat.oldestDueMs = oldestDue
    heartbeat.hasFollower_p = hasFollower
    _ = try await ask(control, .heartbeat, try heartbeat.serializedBytes())
  }

  /// A heartbeat of a process that counts its requests; answers the format ceiling.
  @discardableResult
  func beat(
    _ control: Address, startedAt: Int64 = 1, requests: UInt64 = 0, failed: UInt64 = 0,
    reads: UInt32 = FormatLevel.newest, ceiling: UInt32 = 0, problems: [Aimstors_ProtoProblem] = []
  ) async throws -> UInt32 {
    var heartbeat = Aimstors_ProtoHeartbeat()
    heartbeat.cell = id
    heartbeat.generation = 1
    heartbeat.state = "active"
    heartbeat.diskFreeBytes = 1 << 40
    heartbeat.startedAtMs = startedAt
    heartbeat.requests = requests
    heartbeat.failedRequests = failed
    heartbeat.readsLevel = reads
    heartbeat.formatCeiling = ceiling
    heartbeat.problems = problems
    let bytes = try await ask(control, .heartbeat, try heartbeat.serializedBytes())
    return try Aimstors_ProtoHeartbeatAnswer(serializedBytes: bytes).formatCeiling
  }

  /// The refused key, empty where all were granted.
  func claim(
    _ control: Address, tenant: String, _ keys: [(kind: String, key: String)],
    release: Bool = false, name: String = "", app: String = ""
  ) async throws -> String {
    var request = Aimstors_ProtoClaimRequest()
    request.tenant = tenant
    request.metaApp = app
    request.claims = keys.map { kind, key in
      var claim = Aimstors_ProtoKeyClaim()
      claim.kind = kind
      claim.key = key
      claim.released = release
      claim.name = name
      return claim
    }
    let bytes = try await ask(control, .claim, try request.serializedBytes())
    return try Aimstors_ProtoClaimAnswer(serializedBytes: bytes).refusedKey
  }

  private func ask(_ control: Address, _ method: WireMethod, _ payload: [UInt8]) async throws
    -> [UInt8]
  {
    do {
      return try await messenger.peer(at: control).request(
        method, payload, timeout: Deployment.patience, traceID: "")
    } catch .refused(let failure) {
      throw failure
    }
  }

  private func beforeAnswer(_ request: IncomingRequest) async {
    guard request.method == .spoolQuery else { return }
    let before = state.withLock { state in
      defer { state.beforeLook = nil }
      return state.beforeLook
    }
    await before?()
  }

  private func answer(_ request: IncomingRequest) throws(Failure) -> [UInt8] {
    if let refusal = seen.refusal { throw refusal }
    if let refusal = refusal(of: request) { throw refusal }
    do {
      return try handled(request)
    } catch {
      throw Failure(.invalidRequest, "\(error)")
    }
  }

  private func refusal(of request: IncomingRequest) -> Failure? {
    guard request.method == .work,
      let asked = try? Aimstors_ProtoCellWork(serializedBytes: request.payload)
    else { return nil }
    return state.withLock { state -> Failure? in
      guard state.refusalsByKind[asked.kind]?.isEmpty == false else { return nil }
      state.work.append(asked)
      return state.refusalsByKind[asked.kind]?.removeFirst()
    }
  }

  private func handled(_ request: IncomingRequest) throws -> [UInt8] {
    switch request.method {
    case .provision:
      let profile = try Aimstors_ProtoTenantProfile(serializedBytes: request.payload)
      change { $0.provisioned.append(profile) }
    case .tenantState:
      let profile = try Aimstors_ProtoTenantProfile(serializedBytes: request.payload)
      change { $0.states.append(profile) }
    case .sendStop:
      let stop = try Aimstors_ProtoSendStop(serializedBytes: request.payload)
      change { $0.stops.append(stop) }
    case .webhookPart:
      let part = try Aimstors_ProtoWebhookPart(serializedBytes: request.payload)
      change { $0.parts.append(part) }
    case .http:
      let envelope = try Aimstors_ProtoRequest(serializedBytes: request.payload)
      change { $0.requests.append(envelope) }
      var response = Aimstors_ProtoResponse()
      response.status = 201
      response.body = .init(Array(#"{"from":"cell"}"#.utf8))
      return try response.serializedBytes()
    case .digest:
      var answer = Aimstors_ProtoDigestAnswer()
      answer.tenantSeq = 7
      answer.files = ["ledger.sqlite": "aa"]
      return try answer.serializedBytes()
    case .work:
      let asked = try Aimstors_ProtoCellWork(serializedBytes: request.payload)
      let answer = state.withLock { state -> Aimstors_ProtoCellWorkStatus in
        state.work.append(asked)
        if let answer = state.answersByKind[asked.kind] { return answer }
        return state.workAnswers.count > 1
          ? state.workAnswers.removeFirst() : state.workAnswers.first ?? .init()
      }
      return try answer.serializedBytes()
    case .program:
      let order = try Aimstors_ProtoProgramOrder(serializedBytes: request.payload)
      change { $0.orders.append(order) }
      return try seen.program.serializedBytes()
    case .replicaPromote where seen.acceptsTakeover:
      let promote = try Aimstors_ProtoReplicaPromote(serializedBytes: request.payload)
      change { $0.takeovers.append(promote) }
    case .spoolQuery:
      change { $0.looks += 1 }
      return try page(try Aimstors_ProtoSpoolQuery(serializedBytes: request.payload))
        .serializedBytes()
    case .spoolRemove:
      let ids = try Aimstors_ProtoSpoolRemove(serializedBytes: request.payload).ids
      change { $0.spool.removeAll { ids.contains($0.id) } }
    case .endImpersonation:
      change { $0.ended.append(String(decoding: request.payload, as: UTF8.self)) }
    default: throw Failure(.unknownRoute, "not a fake's")
    }
    return []
  }

  private func page(_ query: Aimstors_ProtoSpoolQuery) -> Aimstors_ProtoSpoolPage {
    var page = Aimstors_ProtoSpoolPage()
    let found = seen.spool.filter { $0.id > query.after && (query.id.isEmpty || $0.id == query.id) }
    var bytes = 0
    for entry in found.prefix(Int(query.limit)) {
      bytes += entry.part.body.count
      if bytes > 2 << 20, !page.entries.isEmpty { break }
      page.entries.append(entry)
    }
    return page
  }
}
