import DocumentCheck
import Testing

@testable import Cell

/// The documents against the routes; ``TestAPI`` compares every answer of every test with them.
@Suite("OpenAPI documents") struct DocumentTests {
  @Test func `every route of the cell is in the documents, and they name no other`() throws {
    let api = try TestAPI()
    let registered = Set(
      CellAPI.router(api.services).routes.map {
        DocumentCheck.route($0.method.rawValue, $0.path.description)
      })
    // The admin host's routes of a tenant; their prefix is nobody else's.
    let ofOperators = registered.filter { $0.contains(" /v1/tenants/{}/") }
    let admin = try #require(PublishedDocument.admin).routes
    #expect(ofOperators.subtracting(admin) == [])
    let missing = admin.filter { $0.contains(" /v1/tenants/{}/") }.subtracting(ofOperators)
    let ofControlPlane: Set<String> = [
      "GET /v1/tenants/{}/digest", "POST /v1/tenants/{}/impersonations",
      "POST /v1/tenants/{}/moves", "POST /v1/tenants/{}/restores",
      "POST /v1/tenants/{}/snapshots",
    ]
    #expect(missing == ofControlPlane, "answered by the control plane")

    let ofTenants = registered.subtracting(ofOperators)
    let published = try #require(PublishedDocument.api).routes
    #expect(ofTenants.subtracting(published) == [])
    let others: Set<String> = [
      "GET /openapi.json", "GET /webhooks/whatsapp/{}", "POST /webhooks/whatsapp/{}",
    ]
    #expect(published.subtracting(ofTenants) == others, "answered by other processes")
  }

  @Test func `what no other test asks for is as the document says, empty and full`() async throws {
    let shop = try await TestShop()
    let campaign = try await shop.campaign()
    let sent = try #require(await shop.post("/v1/messages", shop.text()).text("id"))
    for person in ["16505551234", "US.13491208655302741918"] {
      try await shop.webhook(
        #"{"messages":[{"from":"\#(person)","id":"wamid.\#(person)","timestamp":"1795435201","#
          + #""type":"text","text":{"body":"hey"},"context":{"id":"wamid.0"}}]}"#)
    }
    try await shop.webhook(#"{"event":"x"}"#, field: "account_update")
    for target in [
      "/v1/messages", "/v1/messages/\(sent)", "/v1/messages/\(sent)/money", "/v1/webhook-events",
      "/v1/campaigns", "/v1/campaigns/\(campaign)", "/v1/campaigns/\(campaign)/recipients",
      "/v1/contacts", "/v1/templates", "/v1/numbers", "/v1/api-keys", "/v1/prices", "/v1/wallet",
      "/v1/wallet/entries",
    ] { #expect(await shop.get(target).status == 200, "\(target)") }
    let received = try #require(
      await shop.get("/v1/messages?direction=inbound").texts("id").first)
    #expect(await shop.post("/v1/messages/\(received)/read").status == 200)
    #expect(await shop.get("/v1/messages/\(received)/money").status == 200)
  }

  @Test func `a member that the document does not name, and a wrong type, are faults`() throws {
    let check = try DocumentCheck(
      document: Array(
        """
        {"paths":{"/v1/x/{id}":{"get":{"responses":{"200":{"content":{"application/json":{
        "schema":{"type":"object","required":["a"],"properties":{"a":{"type":"string"},
        "b":{"anyOf":[{"type":"integer"},{"type":"null"}]}}}}}}}}}}}
        """.utf8))
    func faults(_ body: String, _ path: String = "/v1/x/1") -> Int {
      check.faults(
        of: .init(method: "GET", target: path, status: 200, body: Array(body.utf8))
      ).count
    }
    #expect(faults(#"{"a":"x"}"#) == 0)
    #expect(faults(#"{"a":"x","b":null}"#) == 0)
    #expect(faults(#"{"a":null,"b":"x","c":1}"#) == 3)
    #expect(faults("{}") == 1)
    #expect(faults("{}", "/v1/y") == 1)
  }
}
