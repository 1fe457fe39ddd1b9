import Edge
import Hummingbird
import Storage
import Trust
import Wire

/// The people of the platform: the first one once, others by those who stand above them.
///
/// `POST /v1/operators/first`: whoever proves the deployment's key (``DeploymentProof``) gets the
/// first operator's token, once.
struct OperatorRoutes: Sendable {
  struct View: Codable, ResponseEncodable, Sendable {
    let id: String
    let token: String
  }

  struct Person: Encodable, Sendable {
    let id: String
    let name: String
    let role: String
    let power: Int64
    let createdAt: Timestamp
    let secondFactor: Bool
    let token: String?

    init(_ person: Operator, secondFactor: Bool = false, token: String? = nil) {
      id = person.id
      name = person.name
      role = person.role.rawValue
      power = person.role.power.rawValue
      createdAt = person.createdAt
      self.secondFactor = secondFactor
      self.token = token
    }

    private enum CodingKeys: String, CodingKey {
      case id, name, role, power, token
      case createdAt = "created_at"
      case secondFactor = "second_factor"
    }
  }

  private struct Input: Decodable, Sendable {
    let name: String
    let role: String
  }

  let services: AdminServices

  func register(on router: Router<EdgeContext>) {
    router.post("/v1/operators/first", use: createFirst)
    router.get("/v1/operators", use: list)
    router.post("/v1/operators", use: create)
    router.delete("/v1/operators/:id", use: remove)
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

  @Sendable private func list(_ request: Request, _ context: EdgeContext) async throws -> Response {
    let query = try ListQuery(request)
    let people = try await services.store.read { rows in
      try rows.operators(after: query.after ?? "", limit: query.limit + 1).map {
        Person($0, secondFactor: try rows.hasSecondFactor($0.id))
      }
    }
    return try StoredAnswer.json(200, Page(people, query) { $0.id }).response
  }

  /// The answer holds the token and is not kept: a repeat makes another operator, which the list
  /// shows.
  @Sendable private func create(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let input = try await AdminBody.read(request).decode(Input.self)
    let name = try AdminInput.text(input.name, "name", length: 1...ControlPlaneLimits.nameLength)
    guard let role = PlatformRole(rawValue: input.role) else {
      let known = PlatformRole.allCases.map(\.rawValue).joined(separator: ", ")
      throw Failure(.invalidField, "role must be one of \(known)")
    }
    let maker = try context.admin()
    guard maker.role.power.rules(role.power) else {
      throw Failure(.forbidden, "role: \(role.rawValue) stands at or above your own level")
    }
    let token = OperatorToken.token.make(random: services.random.bytes(OperatorToken.secretBytes))
    let hash = Digests.sha256(token)
    let trace = context.traceID
    let person = try await services.store.write(trace: trace) { transaction, rows in
      let person = Operator(
        id: transaction.freshID().text(.platformOperator), tokenHash: hash,
        createdAt: transaction.now, isRevoked: false, role: role, name: name)
      try rows.insert(person)
      try rows.append(
        AuditEntry(
          operatorID: maker.id, action: "operator.create", subject: person.id,
          detail: "\(role.rawValue) \(name)", traceID: trace), id: transaction.freshID(),
        at: transaction.now)
      return person
    }
    var response = try StoredAnswer.json(201, Person(person, token: token)).response
    response.headers[.cacheControl] = "no-store"
    return response
  }

  @Sendable private func remove(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let id = try context.parameter("id")
    let remover = try context.admin()
    let command = try AdminCommand(request, try await AdminBody.read(request), context, services)
    let answer = try await command.perform { transaction, rows in
      guard let person = try rows.operatorOf(id: id), !person.isRevoked else {
        throw Failure(.notFound, "there is no such operator")
      }
      guard remover.role.power.rules(person.role.power) else {
        throw Failure(.forbidden, "this operator stands at or above your own level")
      }
      guard try person.role != .superAdmin || rows.superAdmins(besides: id) > 0 else {
        throw Failure(.lastOwner, "the platform keeps at least one super admin")
      }
      try rows.revokeOperator(id, at: transaction.now)
      try rows.append(
        command.audit("operator.remove", id), id: transaction.freshID(), at: transaction.now)
      return .noContent
    }
    // What they began in tenants' names ends with them; a repeat ends what the first left.
    _ = try await ImpersonationEnds(services: services).endAll(
      of: id, by: remover.id, trace: context.traceID)
    return answer.response
  }
}
