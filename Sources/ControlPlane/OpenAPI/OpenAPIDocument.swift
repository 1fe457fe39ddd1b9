import Edge
import Hummingbird
import Trust
import Wire

/// The OpenAPI 3.1 document of one host, made from the route tables.
struct OpenAPIDocument: Sendable {
  let host: HostKind
  let routes: [DescribedRoute]

  init(host: HostKind) {
    self.host = host
    routes = host == .admin ? AdminRouteTable.routes : TenantRouteTable.routes
  }

  var json: [UInt8] {
    var bytes: [UInt8] = []
    value.append(to: &bytes)
    return bytes
  }

  var value: JSONValue {
    [
      "openapi": "3.1.0",
      "info": [
        "title": .string(host == .admin ? "Aimstors admin API" : "Aimstors API"),
        "version": "1",
        "description": """
        Money is integer millionths of a currency unit, times are RFC 3339 in UTC. Errors are \
        application/problem+json with a stable code. Lists take limit and cursor. Every POST \
        takes an Idempotency-Key; another payload under the same key is idempotency_conflict.
        """,
      ],
      "paths": .object(paths),
      "components": [
        "schemas": .object(Schemas.all), "responses": ["Problem": Self.problem],
        "securitySchemes": [
          "operatorToken": ["type": "http", "scheme": "bearer"],
          "apiKey": ["type": "http", "scheme": "bearer"],
          "sessionToken": ["type": "http", "scheme": "bearer"],
          "deploymentProof": [
            "type": "apiKey", "in": "header", "name": .string(DeploymentProof.header),
          ],
          "signature": ["type": "apiKey", "in": "header", "name": "X-Hub-Signature-256"],
        ],
      ],
    ]
  }

  private static let problem: JSONValue = [
    "description": "A refusal",
    "content": ["application/problem+json": ["schema": Schemas.reference("Problem")]],
  ]

  /// Paths in the order of their first route, each with its methods.
  private var paths: [JSONValue.Member] {
    var order: [String] = []
    var methods: [String: [JSONValue.Member]] = [:]
    for route in routes {
      if methods[route.path] == nil { order.append(route.path) }
      methods[route.path, default: []].append(
        .init(name: route.method.lowercased(), value: operation(route)))
    }
    return order.map { .init(name: $0, value: .object(methods[$0] ?? [])) }
  }

  private func operation(_ route: DescribedRoute) -> JSONValue {
    var members: [JSONValue.Member] = [
      .init(name: "summary", value: .string(route.summary)),
      .init(name: "operationId", value: .string(Self.operationID(route))),
      .init(name: "tags", value: [.string(route.tag)]),
      .init(name: "parameters", value: .array(parameters(route))),
      .init(
        name: "security",
        value: route.authentication == .open
          ? [] : [.object([.init(name: route.authentication.rawValue, value: [])])]),
    ]
    if let permission = Self.permission(route) {
      members.append(.init(name: "x-permission", value: .string(permission)))
    }
    switch route.body {
    case .none: break
    case .json(let schema), .optionalJSON(let schema):
      members.append(
        .init(
          name: "requestBody",
          value: [
            "required": .bool(route.body == .json(schema)),
            "content": ["application/json": ["schema": Schemas.reference(schema)]],
          ]))
    }
    members.append(.init(name: "responses", value: .object(responses(route))))
    return .object(members)
  }

  /// Who may use it, as the permission table says.
  private static func permission(_ route: DescribedRoute) -> String? {
    let host: RouteRule.Host =
      switch route.host {
      case .api: .api
      case .app: .app
      case .admin: .admin
      }
    guard let rule = PermissionTable.rule(host, route.method, route.path) else { return nil }
    switch rule.access {
    case .open: return nil
    case .scopes(let scopes): return scopes.names.joined(separator: " ")
    case .person(let scopes): return (["person"] + scopes.names).joined(separator: " ")
    case .platform(let scopes): return scopes.names.joined(separator: " ")
    }
  }

  private func parameters(_ route: DescribedRoute) -> [JSONValue] {
    var parameters = route.pathParameters.map { Self.parameter($0, in: "path", required: true) }
    if case .list = route.answer {
      parameters.append(Self.parameter("limit", in: "query", type: Schemas.integer))
      parameters.append(Self.parameter("cursor", in: "query"))
    }
    parameters += route.query.map { Self.parameter($0, in: "query") }
    if route.isReadAtFollowers { parameters.append(Self.readAtFollowers) }
    if route.method == "POST", route.authentication != .signature {
      parameters.append(Self.parameter("Idempotency-Key", in: "header"))
    }
    if route.keepsAnswer { parameters.append(Self.keyOfRemoval) }
    return parameters
  }

  private static let readAtFollowers: JSONValue = [
    "name": "read", "in": "query", "required": false,
    "schema": ["type": "string", "enum": ["follower"]],
    "description": """
    A follower of the tenant's cell answers out of its copy, whose time aimstors-as-of says; \
    recovering where that lacks what was durable 10 s ago, cell_unavailable without a follower.
    """,
  ]

  private static let keyOfRemoval: JSONValue = [
    "name": "Idempotency-Key", "in": "header", "required": false, "schema": Schemas.string,
    "description": "A DELETE that is repeated under its key is answered as it was.",
  ]

  private static func parameter(
    _ name: String, in place: String, required: Bool = false, type: JSONValue = Schemas.string
  ) -> JSONValue {
    [
      "name": .string(name), "in": .string(place), "required": .bool(required), "schema": type,
    ]
  }

  private func responses(_ route: DescribedRoute) -> [JSONValue.Member] {
    var members: [JSONValue.Member]
    switch route.answer {
    case .json(let status, let schema):
      members = [Self.response(status, Schemas.reference(schema))]
    case .list(let schema):
      members = [
        Self.response(
          200,
          Schemas.object([
            "data": Schemas.list(of: Schemas.reference(schema)),
            "next_cursor": Schemas.nullable(Schemas.string),
          ]))
      ]
    case .empty(let status):
      members = [.init(name: "\(status)", value: ["description": "Done"])]
    case .text(let status):
      members = [
        .init(
          name: "\(status)",
          value: [
            "description": "Done", "content": ["text/plain": ["schema": Schemas.string]],
          ])
      ]
    case .lines(let status):
      members = [
        .init(
          name: "\(status)",
          value: [
            "description": "Done",
            "content": ["application/x-ndjson": ["schema": Schemas.string]],
          ])
      ]
    }
    var byStatus: [Int: [String]] = [:]
    for refusal in route.refusals {
      byStatus[refusal.httpStatus, default: []].append(refusal.rawValue)
    }
    for (status, codes) in byStatus.sorted(by: { $0.key < $1.key }) {
      members.append(
        .init(
          name: "\(status)",
          value: [
            "description": .string(codes.joined(separator: ", ")),
            "content": ["application/problem+json": ["schema": Schemas.reference("Problem")]],
          ]))
    }
    members.append(
      .init(name: "default", value: ["$ref": "#/components/responses/Problem"]))
    return members
  }

  private static func response(_ status: Int, _ schema: JSONValue) -> JSONValue.Member {
    .init(
      name: "\(status)",
      value: ["description": "Done", "content": ["application/json": ["schema": schema]]])
  }

  /// `POST /v1/tenants/{id}/api-keys` as `post_v1_tenants_id_api_keys`: unique in the document.
  private static func operationID(_ route: DescribedRoute) -> String {
    let words = route.path.split { "/{}-.".contains($0) }
    return ([route.method.lowercased()] + words.map(String.init)).joined(separator: "_")
  }
}

/// `GET /openapi.json`, on the admin and on the api host: the document of that host.
struct OpenAPIRoutes: Sendable {
  private let admin = OpenAPIDocument(host: .admin).json
  private let api = OpenAPIDocument(host: .api).json

  func register(on router: Router<EdgeContext>) {
    router.get("/openapi.json") { [admin, api] _, context in
      let document = context.edge.hostKind == .admin ? admin : api
      return Response(
        status: .ok, headers: [.contentType: "application/json"],
        body: .init(byteBuffer: ByteBuffer(bytes: document)))
    }
  }
}
