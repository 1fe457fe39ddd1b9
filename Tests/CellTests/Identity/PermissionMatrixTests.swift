import Storage
import Testing
import Trust
import Wire

@testable import Cell

/// Made from the permission table: every route × every role × own tenant, another's, nobody's.
@Suite("Every route and every role") struct PermissionMatrixTests {
  /// A path that names nothing: who is let through gets 404 or a complaint about the body.
  private static func path(_ rule: RouteRule) -> String {
    var rest = rule.path[...]
    var path = ""
    var isFirst = true
    while let range = rest.firstRange(of: "{}") {
      path += rest[..<range.lowerBound]
      path += rule.host == .admin && isFirst ? "t1" : "x9"
      isFirst = false
      rest = rest[range.upperBound...]
    }
    return path + rest
  }

  private static let refusals: Set<String> = [
    "forbidden", "unauthenticated", "impersonation_forbidden",
  ]

  @Test func `each role is let through exactly where the table says so, in its own tenant only`()
    async throws
  {
    let api = try TestAPI()
    var people: [(Role, String)] = []
    for role in Role.builtIn {
      people.append((role, try await api.person(role.name).access))
    }
    let key = await api.makeKey()
    let narrow = await api.makeKey(#""scopes":["contacts:read"]"#)
    for rule in PermissionTable.rules where rule.host == .api && rule.path != "/openapi.json" {
      // It would end the very session that is tried.
      if rule.path.hasPrefix("/v1/me/sessions"), rule.isWrite { continue }
      let path = Self.path(rule)
      func isRefused(_ bearer: String, _ tenant: TenantID = TestAPI.tenant) async -> Bool {
        let answer = await api.api(rule.method, path, "{}", bearer: bearer, tenant: tenant)
        return Self.refusals.contains(answer.code ?? "")
      }
      for (role, access) in people {
        let mayPass =
          switch rule.access {
          case .scopes(let scopes), .person(let scopes): role.scopes.isSuperset(of: scopes)
          default: false
          }
        let what = "\(rule.method) \(rule.path) as \(role.name)"
        #expect(await isRefused(access) == !mayPass, "\(what)")
        #expect(await isRefused(access, TestAPI.otherTenant), "\(what) in another tenant")
      }
      for (bearer, scopes) in [(key, Scopes.all), (narrow, .contactsRead)] {
        var mayPass = false
        if case .scopes(let wanted) = rule.access { mayPass = scopes.isSuperset(of: wanted) }
        let what = "\(rule.method) \(rule.path) with a key of \(scopes.names)"
        #expect(await isRefused(bearer) == !mayPass, "\(what)")
        #expect(await isRefused(bearer, TestAPI.otherTenant), "\(what) in another tenant")
      }
      #expect(await isRefused("nonsense"), "\(rule.method) \(rule.path) with nonsense")
      #expect(
        await api.app(rule.method, path, "{}").code == "unauthenticated",
        "\(rule.method) \(rule.path) without a credential")
    }
  }

  @Test
  func `the admin host's routes are the control plane's to bring, for the path's tenant only`()
    async throws
  {
    let api = try TestAPI()
    let owner = try await api.person("owner")
    let ofCell = CellAPI.router(api.services).routes.map { "\($0.method.rawValue) \($0.path)" }
    for rule in PermissionTable.rules
    where rule.host == .admin && rule.path.hasPrefix("/v1/tenants/{}/") {
      let isHere = ofCell.contains {
        $0.hasPrefix("\(rule.method) ")
          && PermissionTable.normal(String($0.split(separator: " ")[1])) == rule.path
      }
      guard isHere else { continue }
      let path = Self.path(rule)
      let byRouter = await api.admin(rule.method, path, "{}", role: .router)
      #expect(byRouter.code == "forbidden", "\(rule.path)")
      let elsewhere = await api.admin(
        rule.method, path, "{}", tenant: TestAPI.otherTenant)
      #expect(elsewhere.code == "invalid_request", "\(rule.path)")
      // A tenant's own credential reaches no admin route.
      let byOwner = await api.api(rule.method, path, "{}", bearer: owner.access)
      #expect(byOwner.code == "unknown_route", "\(rule.path)")
    }
  }

  @Test func `every identifier of one tenant is unknown to another`() async throws {
    let api = try TestAPI()
    let owner = try await api.person("owner")
    let other = try await api.person("owner", "stranger", tenant: TestAPI.otherTenant)
    let key = await api.admin("GET", "/v1/tenants/t1/api-keys")
    _ = key
    let made = await api.admin(
      "POST", "/v1/tenants/t1/api-keys", #"{"name":"x","scopes":["*"]}"#)
    let keyID = try #require(made.text("id"))
    let contact = await api.api(
      "POST", "/v1/contacts", #"{"phone":"+15550001111","name":"Ana"}"#, bearer: owner.access)
    let contactID = try #require(contact.text("id"))
    for id in [keyID, contactID, owner.id, owner.session, "../../t1", "..%2f..%2ft1"] {
      for rule in PermissionTable.rules
      where rule.host == .api && rule.path.filter({ $0 == "{" }).count == 1 {
        if rule.path.hasPrefix("/v1/roles") || rule.access == .open { continue }
        let path = rule.path.replacing("{}", with: id)
        let body =
          rule.path == "/v1/contacts/{}"
          ? #"{"phone":"+15550001111","name":"Ana"}"# : #"{"allow_cidrs":[],"disabled":true}"#
        let answer = await api.api(
          rule.method, path, body, bearer: other.access, tenant: TestAPI.otherTenant)
        #expect(
          answer.status >= 400 && !String(decoding: answer.bytes, as: UTF8.self).contains("Ana"),
          "\(rule.method) \(path): \(answer.json)")
      }
    }
    // Nothing of it happened in the first tenant.
    #expect(await api.api("GET", "/v1/me", bearer: owner.access).status == 200)
    #expect(await api.api("GET", "/v1/api-keys/\(keyID)", bearer: owner.access).status == 200)
  }
}
