import Alerts
import Cryptography
import Synchronization
import Testing
import Trust
import Wire

@testable import ControlPlane

@Suite("The platform's alerts") struct PlatformAlertTests {
  /// Somebody's server, and their mail.
  private final class Outside: AlertWebhookSender, MailSender {
    struct Post {
      let body: [UInt8]
      let signature: String
    }
    private let state = Mutex((posts: [Post](), letters: [Mail](), isDown: false, refused: ""))

    var posts: [Post] { state.withLock { $0.posts } }
    var letters: [Mail] { state.withLock { $0.letters } }
    func set(down: Bool) { state.withLock { $0.isDown = down } }
    func set(refused address: String) { state.withLock { $0.refused = address } }

    func post(_ body: [UInt8], signature: String, to url: String) async throws(AlertFailure) {
      let isTaken = state.withLock { state in
        if !state.isDown { state.posts.append(Post(body: body, signature: signature)) }
        return !state.isDown
      }
      guard isTaken else { throw AlertFailure("the server did not answer") }
    }
    func send(_ mail: Mail) async throws {
      let isTaken = state.withLock { state in
        if state.refused != mail.to { state.letters.append(mail) }
        return state.refused != mail.to
      }
      guard isTaken else { throw AlertFailure("550 no such user") }
    }

    var actions: [String] {
      posts.compactMap { post in
        (try? JSONTape(post.body))?.root["alert"]?["action"]?.string
      }
    }
  }

  private static let hook = #"{"url":"https://example.com/a","secret":"0123456789abcdef"}"#

  private static func deployment(_ outside: Outside) async throws -> Deployment {
    try await Deployment { $0.alerts = AlertSettings(mail: outside, webhook: outside) }
  }

  @Test func `a channel that was taken away is not missing to who took it away`() async throws {
    let deployment = try await Self.deployment(Outside())
    let path = "/v1/alert-channels/webhook"
    #expect(try await deployment.admin("PUT", path, Self.hook, key: "p").status == 200)
    for _ in 0..<2 {
      #expect(try await deployment.admin("DELETE", path, key: "d").status == 204)
    }
    #expect(try await deployment.admin("DELETE", path, key: "d2").code() == "not_found")
    let other = "/v1/alert-channels/email"
    let conflict = try await deployment.admin("DELETE", other, key: "d")
    #expect(try conflict.code() == "idempotency_conflict")
  }

  @Test func `what operators do is posted in order, once, signed, and after the server was down`()
    async throws
  {
    let outside = Outside()
    let deployment = try await Self.deployment(outside)
    func create(_ name: String) async throws {
      let made = try await deployment.admin(
        "POST", "/v1/operators", #"{"name":"\#(name)","role":"support"}"#, key: name)
      #expect(made.status == 201)
    }
    try await create("before")
    let put = try await deployment.admin("PUT", "/v1/alert-channels/webhook", Self.hook, key: "w")
    #expect(put.status == 200 && put.raw.contains("\"secret_set\":true"), "\(put.raw)")
    #expect(!put.raw.contains("0123456789abcdef"))
    await deployment.node.alert()
    #expect(outside.actions == ["alert_channel.put"], "what came before the channel is not sent")
    outside.set(down: true)
    try await create("one")
    try await create("two")
    await deployment.node.alert()
    let failing = try await deployment.admin("GET", "/v1/alert-channels")
    #expect(failing.raw.contains("the server did not answer"))
    outside.set(down: false)
    await deployment.node.alert()
    #expect(outside.actions.count == 1, "five seconds are waited")
    deployment.clock.advance(milliseconds: 5_000)
    await deployment.node.alert()
    await deployment.node.alert()
    #expect(outside.actions == ["alert_channel.put", "operator.create", "operator.create"])
    let post = try #require(outside.posts.last)
    let posted = try JSONTape(post.body).root
    #expect(posted["tenant_id"]?.isNull == true)
    let entry = try #require(posted["alert"]).raw
    #expect(posted["id"]?.string == MerkleTree.leaf(Array(entry)).hexText, "the entry's hash")
    let parts = post.signature.split(separator: ",").map(String.init)
    let seconds = try #require(parts.first?.dropFirst(2))
    let mac = KeyedHash.sha256(
      key: Array("0123456789abcdef".utf8), Array("\(seconds).".utf8) + post.body)
    #expect(parts.last == "v1=\(mac.hexText)")
  }

  @Test func `letters go to every address, past many acts that are no alerts`() async throws {
    let outside = Outside()
    let deployment = try await Self.deployment(outside)
    let put = try await deployment.admin(
      "PUT", "/v1/alert-channels/email",
      #"{"addresses":["Ops@example.com","sec@example.com"]}"#, key: "e")
    #expect(put.status == 200, "\(put.raw)")
    await deployment.node.alert()
    #expect(outside.letters.map(\.to) == ["ops@example.com", "sec@example.com"])
    for index in 0..<PlatformAlertLog.page + 10 {
      try await deployment.store.write(.platformStore, .init(requestID: "", traceID: "")) { tx in
        try PlatformRows(connection: tx.file(.platform)).append(
          AuditEntry(
            operatorID: "o", action: "tenant.create", subject: "\(index)", detail: "", traceID: ""),
          id: tx.freshID(), at: tx.now)
      }
    }
    let removed = try await deployment.admin("DELETE", "/v1/alert-channels/webhook", key: "d")
    #expect(try removed.code() == "not_found")
    let made = try await deployment.admin(
      "POST", "/v1/operators", #"{"name":"x","role":"support"}"#, key: "x")
    #expect(made.status == 201)
    await deployment.node.alert()
    #expect(outside.letters.count == 2, "a minute is between two letters")
    deployment.clock.advance(milliseconds: 60_000)
    for _ in 0..<3 { await deployment.node.alert() }
    #expect(
      outside.letters.map(\.subject).suffix(2) == [
        "Alert: operator.create", "Alert: operator.create",
      ])
    #expect(outside.letters.count == 4)
  }

  @Test func `many alerts make one letter, and one wrong address costs the others nothing`()
    async throws
  {
    let outside = Outside()
    let deployment = try await Self.deployment(outside)
    let put = try await deployment.admin(
      "PUT", "/v1/alert-channels/email",
      #"{"addresses":["gone@example.com","sec@example.com"]}"#, key: "e")
    #expect(put.status == 200)
    outside.set(refused: "gone@example.com")
    for name in ["a", "b", "c"] {
      _ = try await deployment.admin(
        "POST", "/v1/operators", #"{"name":"\#(name)","role":"support"}"#, key: name)
    }
    await deployment.node.alert()
    #expect(outside.letters.map(\.to) == ["sec@example.com"])
    #expect(outside.letters.map(\.subject) == ["4 alerts: alert_channel.put, operator.create"])
    deployment.clock.advance(milliseconds: 60_000)
    await deployment.node.alert()
    #expect(outside.letters.count == 1, "nothing twice")
  }

  @Test func `an address inside, without https, or malformed is refused`() async throws {
    let deployment = try await Self.deployment(Outside())
    for (kind, body) in [
      ("webhook", #"{"url":"http://example.com/","secret":"0123456789abcdef"}"#),
      ("webhook", #"{"url":"https://example.com/","secret":"short"}"#),
      ("email", #"{"addresses":[]}"#), ("email", #"{"addresses":["nobody"]}"#),
      ("email", #"{"addresses":["a@b.c\r\nBcc: x@y.z"]}"#),
    ] {
      let answer = try await deployment.admin(
        "PUT", "/v1/alert-channels/\(kind)", body, key: body)
      #expect(try answer.code() == "invalid_field", "\(body)")
    }
    #expect(try await deployment.admin("GET", "/v1/alert-channels").data().isEmpty)
  }
}
