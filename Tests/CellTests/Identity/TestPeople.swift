import Testing
import Wire

@testable import Cell

/// People in a ``TestAPI``, made by invitations as in life.
extension TestAPI {
  static let password = "correct horse battery"

  struct SignedIn {
    let id: String
    let email: String
    let access: String
    let refresh: String
    let session: String
  }

  /// Invites by an operator, accepts, signs in.
  func person(
    _ role: String, _ name: String? = nil, tenant: TenantID = TestAPI.tenant
  ) async throws -> SignedIn {
    let email = "\(name ?? role)@example.com"
    let invited = await admin(
      "POST", "/v1/tenants/\(tenant)/users",
      #"{"email":"\#(email)","name":"Ana","role":"\#(role)"}"#, tenant: tenant)
    let token = try #require(invited.text("token"), "\(invited.json)")
    let accepted = await app(
      "POST", "/t/x/v1/invitations/accept",
      #"{"token":"\#(token)","password":"\#(Self.password)"}"#, tenant: tenant)
    #expect(accepted.status == 200, "\(accepted.json)")
    return try await signIn(email, tenant: tenant)
  }

  func signIn(
    _ email: String, _ more: String = "", tenant: TenantID = TestAPI.tenant
  ) async throws -> SignedIn {
    let answer = await trySignIn(email, Self.password, more, tenant: tenant)
    let access = try #require(answer.text("access_token"), "\(answer.json)")
    let me = await api("GET", "/v1/me", bearer: access, tenant: tenant)
    return SignedIn(
      id: try #require(me.text("id")), email: email, access: access,
      refresh: try #require(answer.text("refresh_token")),
      session: try #require(answer.text("session_id")))
  }

  func trySignIn(
    _ email: String, _ password: String, _ more: String = "", address: String = "192.0.2.1",
    tenant: TenantID = TestAPI.tenant
  ) async -> Answer {
    await app(
      "POST", "/t/x/v1/sessions",
      #"{"email":"\#(email)","password":"\#(password)"\#(more)}"#, address: address,
      tenant: tenant)
  }

  func refresh(_ token: String) async -> Answer {
    await api("POST", "/v1/sessions/refresh", bearer: token)
  }

  /// Actions in the audit log, the oldest first.
  func audited(_ key: String = "action") async -> [String] {
    await services.identity.refusals.round()
    let page = await admin("GET", "/v1/tenants/t1/audit?limit=500")
    return page.list("data").reversed().map { $0[key] as? String ?? "" }
  }
}

extension TestAPI.Answer {
  func list(_ key: String) -> [[String: any Sendable]] {
    json[key] as? [[String: any Sendable]] ?? []
  }
}
