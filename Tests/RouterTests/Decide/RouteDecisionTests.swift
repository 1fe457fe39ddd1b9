import Edge
import SwiftProtobuf
import Testing
import Wire

@testable import Router

@Suite("Route decision") struct RouteDecisionTests {
  private let map = TestMap.map(
    tenants: [("acme", "a", 1)],
    claims: [("host", "chat.acme.test", "acme"), ("slug", "ac", "acme")])
  private let acme = TenantID(trusted: "acme")

  private func decide(_ host: String?, _ path: String, _ authorization: String? = nil)
    -> RouteDecision
  {
    RouteDecision.decide(
      .init(
        host: HostRule(baseDomain: "example.test").match(host), path: path[...],
        authorization: authorization), map: map)
  }

  private func code(_ decision: RouteDecision) -> FailureCode? {
    switch decision {
    case .refuse(let failure), .unknownTenant(let failure): failure.code
    default: nil
    }
  }

  @Test(arguments: [
    "api.example.test", "api.example.test:8080", "API.Example.TEST", "api.example.test.",
  ])
  func `a base host is known with port, in any case, with a final dot`(host: String) {
    let key = TestMap.key("acme")
    #expect(decide(host, "/v1/wallet", "Bearer \(key)") == .tenant(acme, .api))
    #expect(decide(host, "/v1/wallet", "bearer \(key)") == .tenant(acme, .api))
  }

  @Test(arguments: [
    "example.test", "api.localhost", "xapi.example.test", "api.example.test.evil.test", "127.0.0.1",
    "[::1]:8080", "",
  ])
  func `any other host is refused`(host: String) {
    #expect(code(decide(host, "/v1/wallet", "Bearer \(TestMap.key("acme"))")) == .unknownHost)
  }

  @Test func `a verified host is its tenant's, on the app side`() {
    #expect(decide("Chat.Acme.Test:443", "/anything") == .tenant(acme, .app))
  }

  @Test func `each kind of host has its own routes`() {
    #expect(decide("admin.example.test", "/v1/tenants") == .controlPlane(.admin))
    #expect(decide("admin.example.test", "/openapi.json") == .controlPlane(.admin))
    #expect(decide("api.example.test", "/openapi.json") == .controlPlane(.api))
    #expect(code(decide("admin.example.test", "/webhooks/whatsapp/default")) == .unknownRoute)
    #expect(code(decide("app.example.test", "/webhooks/whatsapp/default")) == .unknownRoute)
    #expect(code(decide("app.example.test", "/openapi.json")) == .unknownRoute)
    #expect(
      decide("api.example.test", "/webhooks/whatsapp/default")
        == .webhook(MetaAppID(trusted: "default")))
    #expect(code(decide("api.example.test", "/webhooks/whatsapp/a/b")) == .unknownRoute)
    #expect(decide("app.example.test", "/t/ac/login") == .tenant(acme, .app))
    #expect(code(decide("app.example.test", "/t/nobody/login")) == .notFound)
  }

  @Test(arguments: [
    nil, "", "Basic abc", "Bearer ", "Bearer x", "Bearer ask_live_acme",
    "Bearer ask_live_acme" + String(repeating: "0", count: 48),
  ])
  func `a missing or malformed key is refused without a look-up`(authorization: String?) {
    guard case .refuse(let failure) = decide("api.example.test", "/v1/wallet", authorization) else {
      Issue.record("not refused")
      return
    }
    #expect(failure.code == .unauthenticated)
  }

  @Test func `a good key of an unknown tenant may be known to a newer map`() {
    let decision = decide("api.example.test", "/v1/wallet", "Bearer \(TestMap.key("other"))")
    guard case .unknownTenant(let failure) = decision else {
      Issue.record("\(decision)")
      return
    }
    #expect(failure.code == .unauthenticated)
  }
}
