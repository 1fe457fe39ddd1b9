import Edge
import Hummingbird
import Storage
import Trust
import Wire

/// A person as others see them.
struct PersonAnswer: Encodable, Sendable {
  let user: User
  let role: Role?
  /// The token of an invitation or a way back in: to operators only, once.
  let token: String?

  init(_ user: User, role: Role?, token: String? = nil) {
    self.user = user
    self.role = role
    self.token = token
  }

  private enum CodingKeys: String, CodingKey {
    case id, email, name, role, power, state, token
    case createdAt = "created_at"
    case createdBy = "created_by"
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(user.id.text(.user), forKey: .id)
    try container.encode(user.email, forKey: .email)
    try container.encode(user.name, forKey: .name)
    try container.encode(user.role, forKey: .role)
    try container.encodeIfPresent(role?.power.rawValue, forKey: .power)
    try container.encode(user.state.rawValue, forKey: .state)
    try container.encode(user.createdAt, forKey: .createdAt)
    try container.encode(user.createdBy, forKey: .createdBy)
    try container.encodeIfPresent(token, forKey: .token)
  }
}

struct RoleAnswer: Encodable, Sendable {
  let name: String
  let power: Int64
  let scopes: [String]
  let builtIn: Bool

  init(_ role: Role) {
    name = role.name
    power = role.power.rawValue
    scopes = role.scopes.names
    builtIn = role.isBuiltIn
  }

  private enum CodingKeys: String, CodingKey {
    case name, power, scopes
    case builtIn = "built_in"
  }
}

/// People, roles, and who may do what.
enum PeopleRoutes {
  fileprivate struct Invite: Decodable, Sendable {
    let email: String
    let name: String
    let role: String
  }
  private struct Change: Decodable, Sendable {
    let name: String?
    let role: String?
    let disabled: Bool?
  }
  private struct RoleInput: Decodable, Sendable {
    let power: Int64
    let scopes: [String]
  }
  private struct BreakGlass: Decodable, Sendable { let reason: String }

  static func register(on routes: CellRoutes) {
    let services = routes.services
    people(routes, services)
    roles(routes, services)
    routes.admin(.post, "/v1/tenants/:tenant/users") { request, context in
      let call = try await context.command(Invite.self, request, file: .sessions)
      return try await context.people(call, services, secretTo: true) { people, input in
        let (user, token) = try people.invite(
          email: input.email, name: input.name, role: input.role)
        return (201, user, token)
      }
    }
    routes.admin(.get, "/v1/tenants/:tenant/users") { request, context in
      try await list(request, context, services)
    }
    routes.admin(.post, "/v1/tenants/:tenant/users/:id/break-glass") { request, context in
      let id = try context.rowID("id", .user)
      let call = try await context.command(BreakGlass.self, request, file: .sessions)
      return try await context.people(call, services, secretTo: true) { people, input in
        let (user, token) = try people.breakGlass(id, reason: input.reason)
        return (201, user, token)
      }
    }
  }

  private static func people(_ routes: CellRoutes, _ services: CellServices) {
    routes.api(.post, "/v1/users") { request, context in
      let call = try await context.command(Invite.self, request, file: .sessions)
      return try await context.people(call, services, secretTo: false) { people, input in
        let (user, token) = try people.invite(
          email: input.email, name: input.name, role: input.role)
        return (201, user, token)
      }
    }
    routes.api(.post, "/v1/users/:id/invitation") { request, context in
      let id = try context.rowID("id", .user)
      let call = try await context.command(request, file: .sessions)
      return try await context.people(call, services, secretTo: false) { people, _ in
        let (user, token) = try people.inviteAgain(id)
        return (200, user, token)
      }
    }
    routes.api(.get, "/v1/users", .usersRead) { request, context in
      try await list(request, context, services)
    }
    routes.api(.get, "/v1/users/:id", .usersRead) { _, context in
      let id = try context.rowID("id", .user)
      let found = try await services.store.read(try context.tenant(), [.sessions]) { snapshot in
        let users = UsersStore(snapshot)
        return try users.find(id).map { PersonAnswer($0, role: try users.role($0.role)) }
      }
      guard let found else { throw Failure(.notFound, "there is no such person") }
      return try .json(found)
    }
    routes.api(.patch, "/v1/users/:id") { request, context in
      let id = try context.rowID("id", .user)
      let input = try EdgeJSON.decode(Change.self, from: try await context.bytes(request))
      let sessions = services.identity.sessions
      let answer = try await context.peopleWrite(services) { people in
        let user = try people.change(
          id, role: input.role, name: input.name, disabled: input.disabled)
        let tenant = people.tx.tenant
        people.tx.afterCommit { sessions.forget(tenant, user: id) }
        return PersonAnswer(user, role: try UsersStore(people.tx).role(user.role))
      }
      return try .json(answer)
    }
    routes.api(.delete, "/v1/users/:id") { request, context in
      let id = try context.rowID("id", .user)
      let sessions = services.identity.sessions
      return try await context.peopleRemoval(request, services) { people in
        try people.remove(id)
        try SignIn.endSessions(
          of: id, besides: nil, reason: "removed", by: people.principal.id, people.tx)
        let tenant = people.tx.tenant
        people.tx.afterCommit { sessions.forget(tenant, user: id) }
      }
    }
    routes.api(.get, "/v1/access-review", .usersRead) { request, context in
      try await list(request, context, services)
    }
  }

  private static func roles(_ routes: CellRoutes, _ services: CellServices) {
    routes.api(.get, "/v1/roles", .usersRead) { _, context in
      let custom = try await services.store.read(try context.tenant(), [.sessions]) {
        try UsersStore($0).customRoles()
      }
      return try .json(
        Page(data: (Role.builtIn + custom).map { RoleAnswer($0) }, nextCursor: nil))
    }
    routes.api(.put, "/v1/roles/:name") { request, context in
      let name = try context.parameter("name")
      let input = try EdgeJSON.decode(RoleInput.self, from: try await context.bytes(request))
      let sessions = services.identity.sessions
      let role = try await context.peopleWrite(services) { people in
        let role = try people.put(role: name, power: input.power, scopes: input.scopes)
        let tenant = people.tx.tenant
        people.tx.afterCommit { sessions.forget(tenant) }
        return role
      }
      return try .json(RoleAnswer(role))
    }
    routes.api(.delete, "/v1/roles/:name") { request, context in
      let name = try context.parameter("name")
      return try await context.peopleRemoval(request, services) { people in
        try people.delete(role: name)
      }
    }
  }

  private static func list(
    _ request: Request, _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let query = try ListQuery(request)
    let after = try query.afterRow()
    let rows = try await services.store.read(try context.tenant(), [.sessions]) { snapshot in
      let users = UsersStore(snapshot)
      return try users.list(after: after, limit: query.limit + 1).map {
        PersonAnswer($0, role: try users.role($0.role))
      }
    }
    return try .json(Page(rows, query, key: \.user.id) { $0 })
  }
}

extension CellContext {
  /// Who is behind this request, for the audit log; the route has set it.
  func actor() throws(Failure) -> RequestActor {
    guard let actor = RequestActor.current else {
      throw Failure(.internalError, "this route keeps no audit")
    }
    return actor
  }

  /// The signed-in person; nil under impersonation.
  func personID() throws(Failure) -> RowID? {
    let principal = try principal()
    return principal.isImpersonation ? nil : RowID(principal.id, .user)
  }

  /// Runs a command about people.
  func peopleWrite<T: Sendable>(
    _ services: CellServices, _ body: @escaping @Sendable (PeopleCommands) throws -> T
  ) async throws -> T {
    let (actor, principal) = (try actor(), try self.principal())
    return try await services.store.write(try tenant(), origin) { tx in
      try body(PeopleCommands(tx, actor, principal))
    }
  }

  /// Runs a removal, once per idempotency key: what is gone is not missing to who removed it.
  fileprivate func peopleRemoval(
    _ request: Request, _ services: CellServices,
    _ body: @escaping @Sendable (PeopleCommands) throws -> Void
  ) async throws -> Response {
    let call = try await command(request, file: .sessions)
    let (actor, principal) = (try actor(), try self.principal())
    return try await call.perform(services) { tx, _ in
      try body(PeopleCommands(tx, actor, principal))
      return .noContent
    }
  }

  /// Runs a command that makes a letter, once per idempotency key.
  ///
  /// The answer is kept sealed: to an operator it shows the letter's token.
  fileprivate func people<Input: Sendable>(
    _ call: CommandCall<Input>, _ services: CellServices, secretTo isOperator: Bool,
    _ body: @escaping @Sendable (PeopleCommands, Input) throws -> (Int, User, String)
  ) async throws -> Response {
    let (actor, principal) = (try actor(), try self.principal())
    let (sealer, letters, input) = (services.sealer, services.identity.letters, call.input)
    let owner = "\(call.tenant)/person-answer"
    let answer = try await services.store.perform(call.tenant, call.origin, call.claim) { tx in
      let (status, user, token) = try body(PeopleCommands(tx, actor, principal), input)
      if user.state == .invited { try letters.queue(.invitation(token), to: user, tx) }
      let form = PersonAnswer(
        user, role: try UsersStore(tx).role(user.role), token: isOperator ? token : nil)
      return try StoredAnswer.json(status, form).sealed(sealer, owner: owner, tx)
    }
    return try answer.opened(sealer, owner: owner).response
  }
}
