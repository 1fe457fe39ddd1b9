import Edge
import Hummingbird
import Messaging
import Wire

/// `GET /v1/tenants/{id}/digest`: the digests of a tenant's files, from its cell.
struct DigestView: ResponseEncodable, Sendable {
  let tenantSeq: UInt64
  let files: [String: String]
  let recomputed: Bool
  /// What a full scan found, where one was asked for.
  let recomputedFiles: [String: String]?
  /// Whether scan and incremental digests agree, where a scan was asked for.
  let match: Bool?

  enum CodingKeys: String, CodingKey {
    case files, recomputed, match
    case tenantSeq = "tenant_seq"
    case recomputedFiles = "recomputed_files"
  }
}

extension TenantRoutes {
  @Sendable func digest(_ request: Request, _ context: EdgeContext) async throws -> DigestView {
    let id = try AdminInput.tenantID(context)
    let recompute = try Self.flag(request, "recompute")
    let tenant = try await services.store.read { try $0.requireTenant(id) }
    let cell = try cell(asked: request.uri.queryParameters["cell"].map(String.init), tenant)
    var ask = Aimstors_ProtoDigestRequest()
    ask.tenant = id.rawValue
    ask.recompute = recompute
    let bytes = try await services.ask(
      cell, .digest, try ProtoCoding.encode(ask),
      timeout: recompute ? ControlPlaneLimits.recomputeTimeout : ControlPlaneLimits.forwardTimeout,
      trace: context.traceID)
    let answer = try ProtoCoding.decode(Aimstors_ProtoDigestAnswer.self, bytes)
    return DigestView(
      tenantSeq: answer.tenantSeq, files: answer.files, recomputed: answer.recomputed,
      recomputedFiles: answer.recomputed ? answer.recomputedFiles : nil,
      match: answer.recomputed ? answer.recomputedFiles == answer.files : nil)
  }

  /// The cell that is asked: the tenant's, or another one that serves it and must not.
  private func cell(asked: String?, _ tenant: TenantRecord) throws(Failure) -> CellRecord {
    guard let asked else {
      guard let cell = services.roster.cell(tenant.placement.cell) else {
        throw Failure(.cellUnavailable, "the tenant's cell is unknown")
      }
      return cell
    }
    guard let id = CellID(asked), let cell = services.roster.cell(id) else {
      throw Failure(.invalidField, "cell: no such cell has joined")
    }
    return cell
  }

  private static func flag(_ request: Request, _ name: String) throws(Failure) -> Bool {
    switch request.uri.queryParameters[name[...]] {
    case nil, "false": return false
    case "true": return true
    default: throw Failure(.invalidField, "\(name) must be true or false")
    }
  }
}
