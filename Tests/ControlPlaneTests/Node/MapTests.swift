import Messaging
import Testing
import Wire

@testable import ControlPlane

@Suite("Map over messaging") struct MapTests {
  private func next(_ stream: inout AsyncStream<Publication>.Iterator) async throws
    -> Aimstors_ProtoMapPage
  {
    let publication = try #require(await stream.next())
    return try Aimstors_ProtoMapPage(serializedBytes: publication.payload)
  }

  @Test func `a change is published as the chunks that changed`() async throws {
    let deployment = try await Deployment { $0.mapChunkBytes = 400 }
    _ = try await deployment.cell("cell-a")
    for index in 0..<20 { _ = try await deployment.tenant("t-\(index)") }
    let before = try await deployment.manifest()
    #expect(before.chunkCount > 2)
    let subscription = try await deployment.router.subscribe(
      to: deployment.publications, topics: [.map])
    var stream = subscription.makeAsyncIterator()
    let id = try #require(
      try await deployment.admin("GET", "/v1/tenants").data().first?["id"]?.string)
    _ = try await deployment.admin("PATCH", "/v1/tenants/\(id)", #"{"state":"read_only"}"#)
    let page = try await next(&stream)
    #expect(page.chunks.count == 1)
    #expect(page.chunks[0].tenants.contains { $0.tenant == id && $0.state == "read_only" })
    #expect(page.manifest.mapVersion > before.mapVersion)
    let index = Int(page.chunks[0].index)
    #expect(page.manifest.chunkHashes[index] != before.chunkHashes[index])
    for other in 0..<Int(before.chunkCount) where other != index {
      #expect(page.manifest.chunkHashes[other] == before.chunkHashes[other])
    }
  }

  @Test func `a chunk hashes to what its manifest says`() async throws {
    let deployment = try await Deployment()
    _ = try await deployment.cell("cell-a")
    _ = try await deployment.tenant("acme")
    let map = try await deployment.map()
    for chunk in map.chunks {
      let hash = Digests.sha256(try chunk.serializedBytes() as [UInt8])
      #expect(Array(map.manifest.chunkHashes[Int(chunk.index)]) == hash)
    }
  }

  @Test func `a Meta app is sealed in the store, open in the map, and not shown`() async throws {
    let deployment = try await Deployment()
    let answer = try await deployment.admin(
      "PUT", "/v1/meta-apps/default", #"{"app_secret":"top-secret","verify_token":"verify-me"}"#)
    #expect(answer.status == 200)
    #expect(
      try answer.text("webhook_url") == "http://api.localhost:8080/webhooks/whatsapp/default")
    #expect(try answer.root()["secret_set"]?.bool == true)
    #expect(!answer.raw.contains("top-secret"))
    let app = try #require(try await deployment.map().chunks.flatMap(\.metaApps).first)
    #expect(app.appSecret == "top-secret" && app.verifyToken == "verify-me")
    let sealed = try #require(
      try await deployment.node.services.store.read {
        try $0.metaApp(MetaAppID(trusted: "default"))
      })
    #expect(!String(decoding: sealed.appSecret, as: UTF8.self).contains("top-secret"))
    let missing = try await deployment.admin(
      "PUT", "/v1/meta-apps/default", #"{"app_secret":"x"}"#)
    #expect(try missing.text("detail") == "verify_token is missing")
  }

  @Test func `everything is there again after a restart, under a higher version`() async throws {
    var deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    let id = try await deployment.tenant("acme")
    _ = try await deployment.admin("PUT", "/v1/send-stops/tenant/\(id)", #"{"reason":"x"}"#)
    _ = try await deployment.admin(
      "PUT", "/v1/meta-apps/default", #"{"app_secret":"a","verify_token":"b"}"#)
    #expect(try await cell.claim(deployment.control, tenant: id, [("phone_number", "1")]) == "")
    let before = try await deployment.map()
    func operations() async throws -> [String?] {
      try await deployment.admin("GET", "/v1/operations").data().flatMap {
        [$0["id"]?.string, $0["kind"]?.string, $0["state"]?.string]
      }
    }
    let operationsBefore = try await operations()
    #expect(operationsBefore.count >= 6)
    try await deployment.restart()
    let after = try await deployment.map()
    #expect(after.manifest.mapVersion > before.manifest.mapVersion)
    #expect(after.chunks.flatMap(\.tenants) == before.chunks.flatMap(\.tenants))
    #expect(after.chunks.flatMap(\.claims) == before.chunks.flatMap(\.claims))
    #expect(after.chunks.flatMap(\.cells) == before.chunks.flatMap(\.cells))
    #expect(after.chunks.flatMap(\.metaApps) == before.chunks.flatMap(\.metaApps))
    #expect(try await operations() == operationsBefore)
    #expect(try await deployment.admin("GET", "/v1/send-stops").data().count == 1)
    let repeated = try await deployment.admin(
      "POST", "/v1/tenants", Deployment.tenantBody("acme"), key: "tenant-acme")
    #expect(try repeated.text("id") == id)
  }

  @Test func `routers are shown with what came since they compared, and when they are silent`()
    async throws
  {
    let deployment = try await Deployment()
    func status() async throws -> JSONNode {
      try await deployment.admin("GET", "/v1/status").root()
    }
    _ = try await deployment.manifest()
    #expect(try await status()["routers"]?[0]?["lag_versions"]?.integer == 0)
    _ = try await deployment.cell("cell-a")
    let router = try #require(try await status()["routers"]?[0])
    #expect(router["id"]?.string == "router-1")
    #expect((router["lag_versions"]?.integer ?? 0) > 0)
    #expect(try await status()["ok"]?.bool == true)
    deployment.clock.advance(milliseconds: 31_000)
    #expect(try await status()["problems"]?[0]?["code"]?.string == "router_silent")
  }
}
