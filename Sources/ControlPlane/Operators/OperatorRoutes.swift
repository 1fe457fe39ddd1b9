import Edge
import Hummingbird
import Storage
import Wire

/// `POST /v1/operators/first`: the one act before there is an operator.
///
/// Whoever proves the deployment's key (``DeploymentProof``) gets the first operator's token, once.
struct OperatorRoutes: Sendable {
  struct View: Codable, ResponseEncodable, Sendable {
    let id: String
    let token: String
  }

  let services: AdminServices

  func register(on router: Router<EdgeContext>) {
    router.post("/v1/operators/first", use: createFirst)
  }

  @Sendable private func createFirst(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    guard context.edge.hostKind == .admin else {
      throw Failure(.unknownRoute, "there is no route POST /v1/operators/first")
    }
    let now = Timestamp(milliseconds: services.clock.milliseconds())
    guard let name = HTTPFields.Element.Name(DeploymentProof.header),
      let proof = request.headers[name],
      DeploymentProof.isValid(proof, key: services.secrets.deploymentKey, now: now)
    else {
      throw Failure(.unauthenticated, "prove the deployment's key in \(DeploymentProof.header)")
    }
    let view = try await FirstOperator(store: services.store, random: services.random)
      .create(trace: context.traceID)
    var response = try StoredAnswer.json(201, view).response
    response.headers[.cacheControl] = "no-store"
    return response
  }
}
