import Edge
import Messaging
import Platform
import Storage
import SwiftProtobuf
import Wire

/// Answers what other processes ask of this cell: one method, one place.
///
/// Whoever asks has proved in the hello who it is; what only the control plane may ask is refused
/// to others here, before the payload is looked at.
struct CellHandler: Sendable {
  /// Runs one HTTP request of a tenant that this cell owns.
  let http: @Sendable (Aimstors_ProtoRequest, IncomingRequest) async -> Aimstors_ProtoResponse
  /// Makes a webhook part durable in its tenant.
  let webhook: @Sendable (Aimstors_ProtoWebhookPart, IncomingRequest) async throws(Failure) -> Void
  let placements: any Placements
  let spool: Spool
  let directives: Directives
  let provisioning: Provisioning
  let inventory: @Sendable () async -> Aimstors_ProtoJoin
  /// Ends the session that a grant opened: `tenant`, blank, `imp_…`.
  let endImpersonation: @Sendable (String) async throws(Failure) -> Void
  /// Begins long work, or says how far it has come.
  let work: @Sendable (Aimstors_ProtoCellWork) throws(Failure) -> Aimstors_ProtoCellWorkStatus
  /// Takes what another cell says of a tenant on its way.
  let move: @Sendable (IncomingRequest, CellID) async throws(Failure) -> [UInt8]
  var programs: ProgramAnswers = { (_) throws(Failure) in
    throw Failure(.unknownRoute, "this process runs one version")
  }
  var counts = RequestCounts()
  /// Whether the control plane says that this cell is none of the deployment's: nobody would empty
  /// its spool.
  var isOutcast: @Sendable () -> Bool = { false }
  /// Throws where a request meant for this generation is not this process's to answer.
  var meet: @Sendable (Generation) throws(Failure) -> Void = { (_) throws(Failure) in }

  func handle(_ request: IncomingRequest) async throws(Failure) -> [UInt8] {
    switch request.method {
    case .http: return try await answer(request, counted)
    case .webhookPart:
      let part: Aimstors_ProtoWebhookPart = try request.decoded()
      try meet(Generation(0))
      try check(tenant: part.tenant, epoch: part.epoch)
      try await webhook(part, request)
      return []
    case .spoolStore:
      guard !isOutcast() else {
        throw Failure(.forbidden, "this cell does not belong to the deployment any more")
      }
      return try await answer(request) { (part: Aimstors_ProtoSpoolPart) async throws(Failure) in
        var stored = Aimstors_ProtoSpoolStored()
        stored.id = try await spool.accept(
          part, trace: request.traceID, deadline: request.deadline)
        return stored
      }
    case .spoolQuery:
      try demandControlPlane(request)
      return try await answer(request) { (query: Aimstors_ProtoSpoolQuery) async throws(Failure) in
        try await spool.page(query)
      }
    case .spoolRemove:
      try demandControlPlane(request)
      try await spool.remove(try request.decoded(), trace: request.traceID)
      return []
    case .provision:
      try demandControlPlane(request)
      try await provisioning.provision(try request.decoded(), trace: request.traceID)
      return []
    case .tenantState:
      try demandControlPlane(request)
      let profile: Aimstors_ProtoTenantProfile = try request.decoded()
      guard let entry = DirectoryEntry(profile) else {
        throw Failure(.invalidIdentifier, "not a tenant id")
      }
      try await directives.set(entry, trace: request.traceID)
      // Served meanwhile; where nobody is asked by then, the cell says that it is degraded.
      if entry.durability == .follower { _ = await directives.untilAsked() }
      provisioning.wake(entry.tenant)
      return []
    case .sendStop:
      try demandControlPlane(request)
      let message: Aimstors_ProtoSendStop = try request.decoded()
      guard let stop = SendStop(message) else {
        throw Failure(.invalidField, "scope: not a scope of send stops")
      }
      try await directives.apply(stop, trace: request.traceID)
      if stop.lifted { provisioning.wakeAll() }
      return []
    case .digest:
      try demandControlPlane(request)
      return try await answer(request) {
        (query: Aimstors_ProtoDigestRequest) async throws(Failure) in
        try await placements.digest(query)
      }
    case .endImpersonation:
      try demandControlPlane(request)
      try await endImpersonation(String(decoding: request.payload, as: UTF8.self))
      return []
    case .inventory:
      try demandControlPlane(request)
      return try await inventory().encoded()
    case .program:
      try demandControlPlane(request)
      return try await programs(try request.decoded()).encoded()
    case .work:
      try demandControlPlane(request)
      return try work(try request.decoded()).encoded()
    case .moveBegin, .moveFile, .moveImport, .moveRecords, .moveRelease, .moveRefuse,
      .moveStanding, .lateOutcome:
      guard request.peer.role == .cell, let source = CellID(request.peer.id) else {
        throw Failure(.forbidden, "only a cell may ask this")
      }
      return try await move(request, source)
    case .join, .heartbeat, .claim, .mapManifest, .mapPull, .checkpoint, .grantKey,
      .replicaHello, .replicaAppend, .replicaFetch, .replicaCut, .replicaPromote,
      .replicaReport, .registerChange:
      throw Failure(.unknownRoute, "a cell does not answer \(request.method)")
    }
  }

  /// One that is answered with who has the tenant is not counted: nothing of it ran here.
  private func counted(
    to envelope: Aimstors_ProtoRequest, _ request: IncomingRequest
  ) async throws(Failure) -> Aimstors_ProtoResponse {
    let arrived = ContinuousClock.now
    do throws(Failure) {
      if Sabotage.failRequests.isOn, counts.now.all.isMultiple(of: 2) {
        throw Failure(.internalError, "sabotage: every second request fails")
      }
      let response = try await respond(to: envelope, request)
      if !response.hasMoved {
        counts.answered(status: Int(response.status), in: .now - arrived)
      }
      return response
    } catch {
      counts.answered(status: error.code.httpStatus, in: .now - arrived)
      throw error
    }
  }

  private func respond(
    to envelope: Aimstors_ProtoRequest, _ request: IncomingRequest
  ) async throws(Failure) -> Aimstors_ProtoResponse {
    try meet(Generation(envelope.generation))
    if envelope.hostKind == "admin" { try demandControlPlane(request) }
    guard serves(envelope.tenant, under: envelope.epoch) else {
      if let refusal = placements.refusal(of: envelope.tenant) { throw refusal }
      var response = Aimstors_ProtoResponse()
      response.moved = placements.whereabouts(of: envelope.tenant)
      return response
    }
    let response = await http(envelope, request)
    // The tenant left while the request waited for its writer, or is just about to be served:
    // nothing of it ran here.
    if response.status == UInt32(FailureCode.moved.httpStatus), Self.says(.moved, response) {
      var moved = Aimstors_ProtoResponse()
      moved.moved = placements.whereabouts(of: envelope.tenant)
      return moved
    }
    // Refused because another replica took over meanwhile: nothing ran; the router asks that one.
    if response.status == 409 { try meet(Generation(envelope.generation)) }
    return response
  }

  private static func says(_ code: FailureCode, _ response: Aimstors_ProtoResponse) -> Bool {
    struct Problem: Decodable { let code: String }
    let problem = try? EdgeJSON.decode(Problem.self, from: Array(response.body))
    return problem?.code == code.rawValue
  }

  private func check(tenant: String, epoch: UInt64) throws(Failure) {
    guard serves(tenant, under: epoch) else {
      if let refusal = placements.refusal(of: tenant) { throw refusal }
      throw Failure(.moved, "the tenant is not here under this epoch")
    }
  }

  private func serves(_ tenant: String, under epoch: UInt64) -> Bool {
    guard let owned = placements.epoch(of: tenant) else { return false }
    return EpochFence.admits(Epoch(epoch), at: owned, isOwned: true)
  }

  private func demandControlPlane(_ request: IncomingRequest) throws(Failure) {
    guard request.peer.role == .controlPlane else {
      throw Failure(.forbidden, "only the control plane may ask this")
    }
  }

  private func answer<Question: SwiftProtobuf.Message>(
    _ request: IncomingRequest,
    _ body: (Question, IncomingRequest) async throws(Failure) -> some SwiftProtobuf.Message
  ) async throws(Failure) -> [UInt8] {
    try await body(try request.decoded(), request).encoded()
  }

  private func answer<Question: SwiftProtobuf.Message>(
    _ request: IncomingRequest,
    _ body: (Question) async throws(Failure) -> some SwiftProtobuf.Message
  ) async throws(Failure) -> [UInt8] {
    try await body(try request.decoded()).encoded()
  }
}

extension IncomingRequest {
  /// The payload as a message; throws `invalid_request` where it is malformed.
  func decoded<Question: SwiftProtobuf.Message>() throws(Failure) -> Question {
    do { return try Question(serializedBytes: payload) } catch {
      throw Failure(.invalidRequest, "the message of \(method) is malformed")
    }
  }
}

extension SwiftProtobuf.Message {
  /// The message as an answer.
  func encoded() throws(Failure) -> [UInt8] {
    do { return try serializedBytes() } catch {
      throw Failure(.internalError, "an answer could not be encoded")
    }
  }
}

/// Which tenants this cell owns, as its handler asks; the storage engine answers.
protocol Placements: Sendable {
  /// The epoch under which this cell serves the tenant; nil where it does not.
  func epoch(of tenant: String) -> Epoch?
  /// Why a tenant that this cell does not serve may be here all the same: damage hides it.
  func refusal(of tenant: String) -> Failure?
  /// What to tell a router that asked the wrong cell; empty where this cell does not know.
  func whereabouts(of tenant: String) -> Aimstors_ProtoMoved
  func digest(_ query: Aimstors_ProtoDigestRequest) async throws(Failure)
    -> Aimstors_ProtoDigestAnswer
}
