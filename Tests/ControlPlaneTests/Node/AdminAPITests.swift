import Edge
import Hummingbird
import Testing
import Wire

@testable import ControlPlane

@Suite("Admin API") struct AdminAPITests {
  @Test func `every registered route is in the admin document, and nothing else`() async throws {
    let deployment = try await Deployment()
    let router = AdminRoutes.router(deployment.node.services)
    // The catch-all for what cells keep of a tenant stands for the routes that are listed one by
    // one.
    let registered = Set(
      router.routes.filter { !$0.path.description.hasSuffix("**") }.map { route in
        let path = route.path.description.split(separator: "/").map { part in
          part.hasPrefix("{") || !part.hasPrefix(":") ? String(part) : "{\(part.dropFirst())}"
        }
        return "\(route.method.rawValue) /\(path.joined(separator: "/"))"
      })
    let described = Set(AdminRouteTable.routes.map { "\($0.method) \($0.path)" })
    #expect(registered.subtracting(described).isEmpty)
    let onlyDescribed = described.subtracting(registered)
    #expect(onlyDescribed.allSatisfy { $0.contains(" /v1/tenants/{id}/") }, "\(onlyDescribed)")
  }

  @Test(arguments: ["admin", "api"])
  func `the document is OpenAPI 3.1 and closed in itself`(host: String) async throws {
    let deployment = try await Deployment()
    let answer = try await deployment.admin("GET", "/openapi.json", host: host, bearer: "")
    #expect(answer.status == 200)
    let root = try answer.root()
    #expect(root["openapi"]?.string == "3.1.0")
    let schemas = Set(
      try #require(root["components"]?["schemas"]).members.map(\.key))
    var used: Set<String> = []
    for piece in answer.raw.split(separator: "#/components/schemas/").dropFirst() {
      used.insert(String(piece.prefix { $0 != "\"" }))
    }
    #expect(used.isSubset(of: schemas), "\(used.subtracting(schemas))")
    var names: [String] = []
    for (path, methods) in try #require(root["paths"]).members {
      for (_, operation) in methods.members {
        names.append(try #require(operation["operationId"]?.string))
        let parameters = (operation["parameters"] ?? root).elements
          .filter { $0["in"]?.string == "path" }.compactMap { $0["name"]?.string }
        #expect(parameters.allSatisfy { path.contains("{\($0)}") })
        #expect(parameters.count == path.filter { $0 == "{" }.count)
        #expect(operation["responses"]?["default"] != nil)
      }
    }
    #expect(Set(names).count == names.count)
    #expect(names.count == OpenAPIDocument(host: host == "admin" ? .admin : .api).routes.count)
  }

  /// Those that are in neither list find, repeated, what they left: they look up no key.
  @Test func `a DELETE names the key where its answer is kept, and nowhere else`() throws {
    func kept(_ host: HostKind) -> Set<String> {
      Set(
        OpenAPIDocument(host: host).routes.filter { $0.method == "DELETE" && $0.keepsAnswer }
          .map(\.path))
    }
    func shown(_ host: HostKind) throws -> Set<String> {
      let root = try JSONTape(OpenAPIDocument(host: host).json).root
      var paths: Set<String> = []
      for (path, methods) in try #require(root["paths"]).members {
        let names = methods["delete"]?["parameters"]?.elements.compactMap { $0["name"]?.string }
        if names?.contains("Idempotency-Key") == true { paths.insert(path) }
      }
      return paths
    }
    let admin: Set = [
      "/v1/send-stops/{scope}/{id}", "/v1/quarantine/{id}", "/v1/operators/{id}",
      "/v1/operators/{id}/totp", "/v1/alert-channels/webhook", "/v1/alert-channels/email",
    ]
    let api: Set = [
      "/v1/users/{id}", "/v1/roles/{name}", "/v1/alert-channels/webhook",
      "/v1/alert-channels/email",
    ]
    #expect(kept(.admin) == admin && kept(.api) == api)
    #expect(try shown(.admin) == admin && shown(.api) == api)
    for host in [HostKind.admin, .api] {
      let routes = OpenAPIDocument(host: host).routes
      #expect(routes.allSatisfy { !$0.keepsAnswer || $0.method == "DELETE" })
    }
  }

  @Test(arguments: ["", "aop_x", "nonsense"])
  func `nothing is answered without an operator's token`(bearer: String) async throws {
    let deployment = try await Deployment()
    let answer = try await deployment.admin("GET", "/v1/tenants", bearer: bearer)
    #expect(answer.status == 401)
    #expect(try answer.code() == "unauthenticated")
    let wrong = try await deployment.admin(
      "GET", "/v1/tenants", bearer: OperatorToken.token.make(random: deployment.random.bytes(32)))
    #expect(wrong.status == 401)
  }

  @Test func `the api host gets the document and nothing of the admin's`() async throws {
    let deployment = try await Deployment()
    let answer = try await deployment.admin("GET", "/v1/tenants", host: "api")
    #expect(answer.status == 404)
    #expect(try answer.code() == "unknown_route")
  }

  @Test func `the first operator is made once, by proof of the deployment's key`() async throws {
    let deployment = try await Deployment()
    let seconds = deployment.clock.milliseconds() / 1000
    let proof = DeploymentProof.make(key: deployment.key, seconds: seconds, nonce: "0123456789")
    let again = try await deployment.admin(
      "POST", "/v1/operators/first", bearer: "", headers: [DeploymentProof.header: proof])
    #expect(again.status == 409)
    #expect(try again.code() == "already_done")
    let wrong = DeploymentProof.make(key: [1], seconds: seconds, nonce: "0123456789")
    let refused = try await deployment.admin(
      "POST", "/v1/operators/first", bearer: "", headers: [DeploymentProof.header: wrong])
    #expect(refused.status == 401)
    await #expect(throws: Failure.self) { try await deployment.node.createFirstOperator() }
  }

  @Test func `tokens are stored as hashes only`() async throws {
    let deployment = try await Deployment()
    let token = deployment.token
    let stored = try await deployment.node.services.store.read {
      try $0.operatorOf(tokenHash: Digests.sha256(token))?.tokenHash
    }
    #expect(stored == Digests.sha256(token))
  }

  @Test func `unknown routes and methods are told apart`() async throws {
    let deployment = try await Deployment()
    #expect(try await deployment.admin("GET", "/v1/nothing").code() == "unknown_route")
    let method = try await deployment.admin("DELETE", "/v1/cells")
    #expect(method.status == 405)
  }

  @Test func `an operation that a cell has been told of is not cancelled`() async throws {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    cell.change { $0.refusal = Failure(.recovering, "not yet") }
    _ = try await deployment.admin("PUT", "/v1/send-stops/platform/all", #"{"reason":"x"}"#)
    let id = try #require(
      try await deployment.admin("GET", "/v1/operations").data().first?["id"]?.string)
    let answer = try await deployment.admin("POST", "/v1/operations/\(id)/cancel", key: "c")
    #expect(answer.status == 409)
    #expect(try answer.code() == "invalid_state")
    #expect(try await deployment.admin("GET", "/v1/operations/op_x").status == 404)
  }

  @Test func `metrics and health say what is there`() async throws {
    let deployment = try await Deployment()
    _ = try await deployment.cell("cell-a")
    let metrics = await deployment.node.metrics()
    #expect(metrics.contains("aimstors_cell_alive{"))
    let health = await deployment.node.health()
    #expect(health.ok && health.ready)
    #expect(health.role == "control_plane")
  }
}
