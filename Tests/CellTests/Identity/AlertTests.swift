import Alerts
import Cryptography
import Edge
import Storage
import Testing
import Trust
import Wire

@testable import Cell

@Suite("Alerts") struct AlertTests {
  private static let hook = #"{"url":"https://example.com/alerts","secret":"0123456789abcdef"}"#

  private func alerts(_ api: TestAPI) async -> Set<String> {
    await api.services.identity.refusals.round()
    let page = await api.admin("GET", "/v1/tenants/t1/alerts?limit=500")
    return Set(page.list("data").compactMap { $0["action"] as? String })
  }

  @Test func `every kind of alert fires`() async throws {
    let api = try TestAPI()
    let owner = try await api.person("owner")
    let agent = try await api.person("agent")
    let access = owner.access
    // Roles and power.
    _ = await api.api(
      "PUT", "/v1/roles/helper", #"{"power":10,"scopes":["contacts:read"]}"#, bearer: access)
    _ = await api.api("PATCH", "/v1/users/\(agent.id)", #"{"role":"viewer"}"#, bearer: access)
    _ = await api.api("DELETE", "/v1/roles/helper", bearer: access)
    // Keys: made, address list changed, from a wrong address, revoked and used.
    let made = await api.api(
      "POST", "/v1/api-keys", #"{"name":"k","scopes":["contacts:read"]}"#, bearer: access)
    let (key, id) = (try #require(made.text("key")), try #require(made.text("id")))
    _ = await api.api(
      "PATCH", "/v1/api-keys/\(id)", #"{"allow_cidrs":["198.51.100.0/24"]}"#, bearer: access)
    _ = await api.api("GET", "/v1/contacts", bearer: key)
    _ = await api.api("DELETE", "/v1/api-keys/\(id)", bearer: access)
    _ = await api.api("GET", "/v1/contacts", bearer: key, address: "198.51.100.7")
    // Another tenant's key.
    _ = await api.api("GET", "/v1/contacts", bearer: key, tenant: TestAPI.otherTenant)
    await api.services.identity.refusals.round()
    let foreign = await api.admin(
      "GET", "/v1/tenants/t2/alerts", tenant: TestAPI.otherTenant
    ).list("data")
    #expect(foreign.map { $0["action"] as? String } == ["credential.foreign"])
    // Prices, exports, lock-outs, reuse, a second factor taken away, a way in by an operator.
    _ = await api.admin(
      "PUT", "/v1/tenants/t1/prices",
      #"{"currency":"EUR","rates":[{"market":"*","category":"marketing","#
        + #""valid_from":"2026-01-01T00:00:00Z","amount_micros":1}]}"#)
    _ = await api.api("GET", "/v1/audit/export", bearer: access)
    for _ in 0..<12 { _ = await api.trySignIn(agent.email, "wrong password") }
    let first = await api.refresh(owner.refresh)
    _ = await api.refresh(first.text("refresh_token") ?? "")
    _ = await api.refresh(owner.refresh)
    _ = await api.admin(
      "POST", "/v1/tenants/t1/users/\(agent.id)/break-glass", #"{"reason":"no letters there"}"#)
    let again = try await api.signIn(owner.email)
    let removal = #"{"password":"\#(TestAPI.password)"}"#
    _ = await api.api("POST", "/v1/me/totp/remove", removal, bearer: again.access)
    _ = await api.api("PUT", "/v1/alert-channels/webhook", Self.hook, bearer: again.access)
    // What the witness refuses.
    await api.services.identity.witness.run(
      logger: .init(label: "test"), now: Timestamp(milliseconds: api.clock.milliseconds())
    ) { (_) async throws(Failure) in throw Failure(.conflict, "another history") }
    let found = await alerts(api)
    let wanted: Set<String> = [
      "role.put", "role.delete", "user.role_change", "api_key.create",
      "api_key.allow_list_change", "credential.address_refused", "credential.revoked_used",
      "price.change", "audit.export", "session.lock_out", "session.refresh_reuse",
      "user.break_glass", "totp.remove", "alert_channel.put", "audit.verification_failed",
    ]
    #expect(wanted.subtracting(found) == [], "\(found)")
    // Those that other suites make: impersonation and operators theirs, `chaos restore` the swap
    // and the fork.
    let others: Set<String> = [
      "impersonation.start", "impersonation.grant", "tenant.restore", "tenant.fork",
      "credential.foreign", "totp.confirm", "operator.create", "operator.remove", "audit.branch",
      "audit.branch_accept", "alert_channel.delete", "user.email_change",
    ]
    #expect(AlertRule.actions == wanted.union(others))
  }

  @Test func `alerts reach the webhook in order, signed, and go on after it was down`()
    async throws
  {
    let api = try TestAPI()
    let owner = try await api.person("owner")
    _ = await api.makeKey()
    let put = await api.api("PUT", "/v1/alert-channels/webhook", Self.hook, bearer: owner.access)
    #expect(put.status == 200, "\(put.json)")
    #expect(put.json["secret_set"] as? Bool == true && put.json["secret"] == nil)
    await api.services.identity.alerts.round()
    // What came before the channel is not sent; that it was made is.
    func actions() -> [String] {
      api.hook.posts.compactMap { post in
        (try? JSONTape(post.body))?.root["alert"]?["action"]?.string
      }
    }
    #expect(actions() == ["alert_channel.put"])
    api.hook.set(down: true)
    _ = await api.makeKey()
    _ = await api.makeKey()
    await api.services.identity.alerts.round()
    #expect(actions().count == 1)
    let failing = await api.api("GET", "/v1/alert-channels", bearer: owner.access).list("data")
    #expect(failing.first?["last_error"] as? String == "the server did not answer")
    api.hook.set(down: false)
    await api.services.identity.alerts.round()
    #expect(actions().count == 1, "five seconds are waited")
    api.clock.advance(milliseconds: 5_000)
    await api.services.identity.alerts.round()
    #expect(actions() == ["alert_channel.put", "api_key.create", "api_key.create"])
    // Nothing twice.
    api.services.identity.alerts.note(TestAPI.tenant)
    await api.services.identity.alerts.round()
    #expect(actions().count == 3)
    let post = try #require(api.hook.posts.last)
    let parts = post.signature.split(separator: ",").map(String.init)
    let seconds = try #require(parts.first?.dropFirst(2))
    let mac = KeyedHash.sha256(
      key: Array("0123456789abcdef".utf8), Array("\(seconds).".utf8) + post.body)
    #expect(parts.last == "v1=\(mac.hexText)")
  }

  @Test func `alerts reach people by letter, and a channel is taken away`() async throws {
    let api = try TestAPI()
    let owner = try await api.person("owner")
    let body = #"{"addresses":["sec@example.com","ops@example.com"]}"#
    let put = await api.api("PUT", "/v1/alert-channels/email", body, bearer: owner.access)
    #expect(put.status == 200, "\(put.json)")
    await api.services.identity.alerts.round()
    let letters = api.mailbox.all.filter { $0.subject == "Alert: alert_channel.put" }
    #expect(letters.map(\.to) == ["sec@example.com", "ops@example.com"])
    let removed = await api.api("DELETE", "/v1/alert-channels/email", bearer: owner.access)
    #expect(removed.status == 204)
    let twice = await api.api("DELETE", "/v1/alert-channels/email", bearer: owner.access)
    #expect(twice.code == "not_found")
    await api.services.identity.alerts.round()
    #expect(api.mailbox.all.filter { $0.subject.hasPrefix("Alert") }.count == 2)
  }

  @Test func `a webhook names an address outside, by https, and is retried ever more slowly`()
    async throws
  {
    for url in [
      "http://example.com/", "https://", "https://user:x@example.com/", "ftp://example.com/",
      "https://example.com/a b", "javascript:x",
    ] {
      #expect(throws: Failure.self, "\(url)") {
        try AlertWebhook.host(of: url, mayStayInside: false)
      }
    }
    let host = try AlertWebhook.host(of: "https://[2001:db8::1]:8443/x", mayStayInside: false)
    #expect(host == "2001:db8::1")
    for inside in [
      "127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.9", "172.31.0.1", "100.64.0.1",
      "::1", "::", "fe80::1", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "0.0.0.0",
      "2002:a00:1::", "224.0.0.1",
    ] {
      let address = try #require(NetworkAddress(inside))
      #expect(!OutsideAddress.isOutside(address), "\(inside)")
    }
    for outside in ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "172.32.0.1"] {
      let address = try #require(NetworkAddress(outside))
      #expect(OutsideAddress.isOutside(address), "\(outside)")
    }
    // Whoever names the platform's own network is refused when it is called.
    let sender = HTTPAlertWebhook(mayStayInside: false)
    for url in ["https://127.0.0.1:1/", "https://localhost:1/", "https://[::1]:1/"] {
      await #expect(throws: AlertFailure("the host lies inside a private network"), "\(url)") {
        try await sender.post([], signature: "", to: url)
      }
    }
    #expect((1...4).map { AlertRetry.pause(afterFailures: $0) } == [5, 10, 20, 40])
    #expect(AlertRetry.pause(afterFailures: 99) == 3_600)
  }
}
