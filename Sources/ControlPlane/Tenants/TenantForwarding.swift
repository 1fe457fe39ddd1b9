import Edge
import Hummingbird
import Messaging
import Wire

/// Everything of a tenant that its cell keeps: `/v1/tenants/{id}/…` goes there as it came.
///
/// The cell trusts the operator's name in `x-aimstors-operator` because the control plane, proved
/// by its hello, sent it; the operator's token stays here.
struct TenantForwarding: Sendable {
  static let operatorHeader = "x-aimstors-operator"
  /// Headers that are the cell's business.
  private static let passed: Set<String> = [
    "content-type", "accept", "idempotency-key", "if-match", "if-none-match",
  ]

  let services: AdminServices

  func register(on router: Router<EdgeContext>) {
    for method in [HTTPRequest.Method.get, .post, .put, .patch, .delete] {
      router.on("/v1/tenants/:id/**", method: method, use: forward)
    }
  }

  @Sendable private func forward(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let id = try AdminInput.tenantID(context)
    let body = try await AdminBody.read(request)
    var envelope = Aimstors_ProtoRequest()
    envelope.tenant = id.rawValue
    envelope.method = request.method.rawValue
    envelope.target = request.head.path ?? request.uri.path
    envelope.hostKind = HostKind.admin.rawValue
    envelope.body = .init(body.bytes)
    envelope.clientAddress = context.edge.clientAddress
    envelope.idempotencyKey = context.edge.idempotencyKey ?? ""
    for field in request.headers where Self.passed.contains(field.name.canonicalName) {
      envelope.headers.append(Self.header(field.name.canonicalName, field.value))
    }
    envelope.headers.append(Self.header(Self.operatorHeader, try context.admin().id))
    return Self.response(try await follow(envelope, to: id, trace: context.traceID))
  }

  /// Sends to where the tenant is, and to where its cells say that it is now, for as long as a move
  /// may take.
  private func follow(
    _ envelope: Aimstors_ProtoRequest, to id: TenantID, trace: String
  ) async throws(Failure) -> Aimstors_ProtoResponse {
    let end = ContinuousClock.now + ControlPlaneLimits.forwardTimeout
    var placement = try await placement(of: id)
    while true {
      let answer = try await send(envelope, to: placement, trace: trace)
      guard answer.hasMoved else { return answer }
      let known = try await self.placement(of: id)
      if let cell = CellID(answer.moved.cell), answer.moved.epoch > placement.epoch.rawValue {
        placement = Placement(cell: cell, epoch: Epoch(answer.moved.epoch))
      } else if known.epoch > placement.epoch {
        placement = known
      } else {
        guard ContinuousClock.now < end,
          (try? await Task.sleep(for: ControlPlaneLimits.followPause)) != nil
        else {
          throw Failure(.cellUnavailable, "the tenant is moving", retryAfterMilliseconds: 1_000)
        }
      }
    }
  }

  private func placement(of id: TenantID) async throws(Failure) -> Placement {
    try await services.store.read { try $0.requireTenant(id).placement }
  }

  private func send(
    _ envelope: Aimstors_ProtoRequest, to placement: Placement, trace: String
  ) async throws(Failure) -> Aimstors_ProtoResponse {
    guard let cell = services.roster.cell(placement.cell) else {
      throw Failure(.cellUnavailable, "the tenant's cell is unknown")
    }
    var envelope = envelope
    envelope.epoch = placement.epoch.rawValue
    envelope.generation = cell.generation.rawValue
    do throws(Failure) {
      let bytes = try await services.ask(
        cell, .http, try ProtoCoding.encode(envelope), timeout: ControlPlaneLimits.forwardTimeout,
        trace: trace)
      return try ProtoCoding.decode(Aimstors_ProtoResponse.self, bytes)
    } catch  where error.code == .generationFenced {
      // Nothing ran there; who has taken over has not joined yet.
      throw Failure(
        .cellUnavailable, "another process takes \(cell.id) over", retryAfterMilliseconds: 1_000)
    }
  }

  private static func header(_ name: String, _ value: String) -> Aimstors_ProtoHeader {
    var header = Aimstors_ProtoHeader()
    header.name = name
    header.value = value
    return header
  }

  private static func response(_ answer: Aimstors_ProtoResponse) -> Response {
    var fields = HTTPFields()
    for header in answer.headers {
      guard let name = HTTPFields.Element.Name(header.name), name != .contentLength else {
        continue
      }
      fields[name] = header.value
    }
    return Response(
      status: .init(code: Int(answer.status)), headers: fields,
      body: .init(byteBuffer: ByteBuffer(bytes: answer.body)))
  }
}
