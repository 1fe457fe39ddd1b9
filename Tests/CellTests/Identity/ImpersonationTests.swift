import Cryptography
import Storage
import Testing
import Trust
import Wire

@testable import Cell

@Suite("Impersonation") struct ImpersonationTests {
  private let key = SigningKey(seed: [UInt8](repeating: 8, count: 32))

  private func grant(_ api: TestAPI, id: String = "imp_1", tenant: String = "t1") -> String {
    let now = Timestamp(milliseconds: api.clock.milliseconds())
    return ImpersonationGrant(
      id: id, operatorID: "opr_7", tenant: TenantID(trusted: tenant),
      cell: CellID(trusted: "c1"), reason: "ticket 42: campaign stuck", issuedAt: now,
      expiresAt: now.adding(seconds: 1_800)
    ).text(signedBy: key)
  }

  private func redeem(_ api: TestAPI, _ grant: String) async -> TestAPI.Answer {
    await api.app("POST", "/t/x/v1/impersonations", #"{"grant":"\#(grant)"}"#)
  }

  @Test func `a grant opens one marked session that is not renewed`() async throws {
    let api = try TestAPI()
    let text = grant(api)
    #expect(await redeem(api, text).code == "control_plane_unavailable")
    api.services.identity.grantKey.set(key.verifying)
    let opened = await redeem(api, text)
    #expect(opened.status == 201 && opened.json["is_impersonation"] as? Bool == true)
    #expect(opened.text("refresh_token") == nil)
    #expect(await redeem(api, text).code == "unauthenticated", "one use")
    #expect(await redeem(api, grant(api, tenant: "t2")).code == "unauthenticated")
    #expect(await redeem(api, "aig_00").code == "unauthenticated")
    let access = try #require(opened.text("access_token"))
    let me = await api.api("GET", "/v1/me", bearer: access)
    #expect(me.text("impersonated_by") == "opr_7")
    api.clock.advance(milliseconds: 1_800_000)
    #expect(await api.api("GET", "/v1/me", bearer: access).code == "unauthenticated")
  }

  @Test func `what changes credentials or rights is forbidden, the rest is written down`()
    async throws
  {
    let api = try TestAPI()
    api.services.identity.grantKey.set(key.verifying)
    let opened = await redeem(api, grant(api))
    let access = try #require(opened.text("access_token"))
    for rule in PermissionTable.rules
    where rule.host == .api && rule.isWrite && !rule.isImpersonable && rule.access != .open {
      let path = rule.path.replacing("{}", with: "key_0000000000001")
      let answer = await api.api(rule.method, path, "{}", bearer: access)
      #expect(answer.code == "impersonation_forbidden", "\(rule.method) \(rule.path)")
    }
    let contact = #"{"phone":"+15550001111","name":"Ana"}"#
    let made = await api.api("POST", "/v1/contacts", contact, bearer: access)
    #expect(made.status == 201)
    let page = await api.admin("GET", "/v1/tenants/t1/audit")
    let events = page.list("data")
    let writes = events.filter { $0["action"] as? String == "POST /v1/contacts" }
    #expect(writes.count == 1)
    #expect(writes.first?["impersonated_by"] as? String == "opr_7")
    #expect(events.contains { $0["action"] as? String == "impersonation.start" })
  }

  @Test func `a page of one piece is written down once, its repeat not at all`() async throws {
    let shop = try await TestShop()
    let api = shop.api
    api.services.identity.grantKey.set(key.verifying)
    let opened = await redeem(api, grant(api))
    let access = try #require(opened.text("access_token"))
    let campaign = try await shop.campaign()
    func written() async -> Int {
      await api.admin("GET", "/v1/tenants/t1/audit").list("data").filter {
        $0["action"] as? String == "POST /v1/campaigns/{}/recipients"
          && $0["impersonated_by"] as? String == "opr_7"
      }.count
    }
    let page = #"{"page":0,"recipients":[{"to":"+491701230001","parameters":["Ana"]}]}"#
    for _ in 0..<2 {
      let added = await api.api(
        "POST", "/v1/campaigns/\(campaign)/recipients", page, bearer: access, key: "p")
      #expect(added.status == 200, "\(added.json)")
      #expect(await written() == 1)
    }
  }

  @Test func `messages and money that an operator caused carry both identities`() async throws {
    let shop = try await TestShop()
    let api = shop.api
    api.services.identity.grantKey.set(key.verifying)
    let opened = await redeem(api, grant(api))
    let access = try #require(opened.text("access_token"))
    _ = await shop.post("/v1/messages", shop.text())
    let sent = await api.api("POST", "/v1/messages", shop.text(), bearer: access)
    #expect(sent.status == 202, "\(sent.json)")
    let id = try #require(RowID(sent.text("id") ?? "", .message))
    let marked = try await api.services.store.read(TestAPI.tenant, [.messages, .ledger]) {
      snapshot in
      let messages = try snapshot.file(.messages).rows(
        "SELECT message_id, session, impersonated_by FROM impersonated_messages"
      ) { "\($0.int64(0)) \($0.text(1)) \($0.text(2))" }
      let transfers = try snapshot.file(.ledger).rows(
        "SELECT impersonated_by FROM impersonated_transfers"
      ) { $0.text(0) }
      return (messages, transfers)
    }
    let session = try #require(opened.text("session_id"))
    #expect(marked.0 == ["\(id.rawValue) \(session) opr_7"])
    #expect(!marked.1.isEmpty && marked.1.allSatisfy { $0 == "opr_7" })
  }

  @Test func `the tenant sees it and ends it, and so does the control plane`() async throws {
    let api = try TestAPI()
    api.services.identity.grantKey.set(key.verifying)
    let owner = try await api.person("owner")
    let opened = await redeem(api, grant(api))
    let access = try #require(opened.text("access_token"))
    let session = try #require(opened.text("session_id"))
    let seen = await api.api("GET", "/v1/sessions", bearer: owner.access)
    #expect(seen.list("data").contains { $0["impersonated_by"] as? String == "opr_7" })
    let ended = await api.api("DELETE", "/v1/sessions/\(session)", bearer: owner.access)
    #expect(ended.status == 204)
    #expect(await api.api("GET", "/v1/me", bearer: access).code == "unauthenticated")

    let second = await redeem(api, grant(api, id: "imp_2"))
    let next = try #require(second.text("access_token"))
    try await SessionRoutes.endImpersonation(
      tenant: TestAPI.tenant, grant: "imp_2", api.services)
    #expect(await api.api("GET", "/v1/me", bearer: next).code == "unauthenticated")
    // Taken back before it was used: it never can be.
    try await SessionRoutes.endImpersonation(
      tenant: TestAPI.tenant, grant: "imp_3", api.services)
    #expect(await redeem(api, grant(api, id: "imp_3")).code == "unauthenticated")
    #expect(await api.audited().filter { $0 == "impersonation.end" }.count == 2)
  }
}
