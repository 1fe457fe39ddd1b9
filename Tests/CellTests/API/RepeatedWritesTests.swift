import Storage
import Testing
import Trust
import Wire

@testable import Cell

/// Writes whose answer was lost on the way, sent again under their key.
@Suite("Writes repeated under their key") struct RepeatedWritesTests {
  private static let email = #"{"addresses":["sec@example.com"]}"#
  private static let role = #"{"power":40,"scopes":["wallet:read"]}"#

  @Test func `what was removed is not missing to who removed it`() async throws {
    let api = try TestAPI()
    let owner = try await api.person("owner")
    let agent = try await api.person("agent")
    for (path, body) in [("/v1/alert-channels/email", Self.email), ("/v1/roles/clerk", Self.role)] {
      #expect(await api.api("PUT", path, body, bearer: owner.access).status == 200)
    }
    let removed = ["/v1/alert-channels/email", "/v1/roles/clerk", "/v1/users/\(agent.id)"]
    for (index, path) in removed.enumerated() {
      let other = removed[(index + 1) % removed.count]
      for _ in 0..<2 {
        let answer = await api.api("DELETE", path, bearer: owner.access, key: path)
        #expect(answer.status == 204 && answer.bytes.isEmpty, "\(path): \(answer.json)")
      }
      let conflict = await api.api("DELETE", other, bearer: owner.access, key: path)
      #expect(conflict.code == "idempotency_conflict", "\(other) under the key of \(path)")
      #expect(await api.api("DELETE", path, bearer: owner.access).code == "not_found", "\(path)")
    }
    let actions = await api.audited()
    for action in ["alert_channel.delete", "role.delete", "user.remove"] {
      #expect(actions.filter { $0 == action }.count == 1, "\(action)")
    }
  }

  /// They keep no answer: their repeat finds the same.
  @Test func `what stays as removed is removed again, under any key`() async throws {
    let shop = try await TestShop()
    let api = shop.api
    let owner = try await api.person("owner")
    let second = try await api.signIn(owner.email)
    let key = await api.admin(
      "POST", "/v1/tenants/t1/api-keys", #"{"name":"k","mode":"live","scopes":["*"]}"#)
    let id = try #require(key.text("id"))
    for path in [
      "/v1/api-keys/\(id)", "/v1/numbers/\(shop.number)", "/v1/sessions/\(second.session)",
      "/v1/me/sessions/\(second.session)",
    ] {
      for _ in 0..<2 {
        let answer = await api.api("DELETE", path, bearer: owner.access)
        #expect(answer.status == 204, "\(path): \(answer.json)")
      }
    }
  }

  @Test func `recovery codes that were lost on the way are shown again`() async throws {
    let api = try TestAPI()
    let person = try await api.person("owner")
    let enrolment = await api.api("POST", "/v1/me/totp", bearer: person.access)
    #expect(enrolment.status == 201)
    let id = try #require(RowID(person.id, .user))
    let sealed = try await api.services.store.read(TestAPI.tenant, [.sessions]) {
      try UsersStore($0).credentials(of: id).totpSecret
    }
    let secret = try api.services.sealer.open(
      try #require(sealed), owner: SignIn.totpOwner(TestAPI.tenant, id))
    let code = OneTimeCode.code(
      secret, step: OneTimeCode.step(at: Timestamp(milliseconds: api.clock.milliseconds())))
    func confirm(_ code: String, key: String) async -> TestAPI.Answer {
      await api.api(
        "POST", "/v1/me/totp/confirm", #"{"code":"\#(code)"}"#, bearer: person.access, key: key)
    }
    let confirmed = await confirm(code, key: "c")
    #expect(confirmed.status == 200, "\(confirmed.json)")
    let again = await confirm(code, key: "c")
    #expect(again.status == 200 && again.bytes == confirmed.bytes)
    #expect(again.headers["cache-control"] == "no-store")
    #expect(await confirm("000000", key: "c").code == "idempotency_conflict")
    #expect(await confirm(code, key: "c2").code == "invalid_state")
    // Another person's key of the same name is another key.
    let other = try await api.person("agent")
    let foreign = await api.api(
      "POST", "/v1/me/totp/confirm", #"{"code":"\#(code)"}"#, bearer: other.access, key: "c")
    #expect(foreign.code == "invalid_state")
  }

  @Test func `a number that was connected stays so in its answer, whoever has it by now`()
    async throws
  {
    let api = try TestAPI()
    let bearer = await api.makeKey()
    let good =
      #"{"phone_number_id":"106","waba_id":"7","access_token":"good","meta_app":"default"}"#
    let made = await api.api("POST", "/v1/numbers", good, bearer: bearer, key: "n")
    #expect(made.status == 201)
    let id = try #require(made.text("id"))
    #expect(await api.api("DELETE", "/v1/numbers/\(id)", bearer: bearer).status == 204)
    api.claims.taken.withLock { $0["phoneNumber/106"] = TestAPI.otherTenant }
    let again = await api.api("POST", "/v1/numbers", good, bearer: bearer, key: "n")
    #expect(again.status == 201 && again.bytes == made.bytes)
    let bad = good.replacing("good", with: "bad")
    let other = await api.api("POST", "/v1/numbers", bad, bearer: bearer, key: "n")
    #expect(other.code == "idempotency_conflict")
    let fresh = await api.api("POST", "/v1/numbers", good, bearer: bearer, key: "n2")
    #expect(fresh.code == "number_claimed")
    #expect(await api.api("GET", "/v1/numbers", bearer: bearer).list("data").isEmpty)
  }

  @Test func `a letter's token works once, and its answer is had again by its key`() async throws {
    let api = try TestAPI()
    func use(_ path: String, _ token: String, _ more: String, key: String) async -> TestAPI.Answer {
      await api.app("POST", "/t/x/v1/\(path)", #"{"token":"\#(token)"\#(more)}"#, key: key)
    }
    func check(_ path: String, _ token: String, _ more: String = "", other: String) async {
      let first = await use(path, token, more, key: "k")
      #expect(first.status == 200 || first.status == 204, "\(path): \(first.json)")
      let again = await use(path, token, more, key: "k")
      #expect(again.status == first.status && again.bytes == first.bytes, "\(path)")
      let conflict = await use(path, token, other, key: "k")
      #expect(conflict.code == "idempotency_conflict", "\(path)")
      let fresh = await use(path, token, more, key: "k2")
      #expect(fresh.code == "unauthenticated", "\(path)")
      let stranger = await use(path, "aot_nobodys", more, key: "k")
      #expect(stranger.code == "unauthenticated", "\(path)")
    }
    let password = #","password":"\#(TestAPI.password)""#
    let another = #","password":"another long password""#
    let invited = await api.admin(
      "POST", "/v1/tenants/t1/users", #"{"email":"a@example.com","name":"A","role":"agent"}"#)
    let invitation = try #require(invited.text("token"))
    await check("invitations/accept", invitation, password, other: another)
    let person = try await api.signIn("a@example.com")

    let email = #"{"email":"b@example.com","password":"\#(TestAPI.password)"}"#
    #expect(await api.api("POST", "/v1/me/email", email, bearer: person.access).status == 202)
    await api.services.identity.letters.round()
    let change = try #require(api.mailbox.token(to: "b@example.com"))
    await check("email-verifications/confirm", change, other: " ")

    let forgot = await api.app(
      "POST", "/t/x/v1/password-resets", #"{"email":"b@example.com"}"#)
    #expect(forgot.status == 202)
    await api.services.identity.letters.round()
    let reset = try #require(api.mailbox.token(to: "b@example.com"))
    await check("password-resets/confirm", reset, another, other: password)
    #expect(await api.trySignIn("b@example.com", "another long password").status == 201)
  }

  @Test func `whoever has filled the table of keys keeps nobody from removing them`() async throws {
    let api = try TestAPI(idempotencyKeys: 40)
    let owner = try await api.person("owner")
    let agent = try await api.person("agent")
    for (path, body) in [("/v1/alert-channels/email", Self.email), ("/v1/roles/clerk", Self.role)] {
      #expect(await api.api("PUT", path, body, bearer: owner.access).status == 200)
    }
    let forgot = await api.app("POST", "/t/x/v1/password-resets", #"{"email":"\#(owner.email)"}"#)
    #expect(forgot.status == 202)
    await api.services.identity.letters.round()
    let token = try #require(api.mailbox.token(to: owner.email))
    var filled: String?
    for number in 0...40 where filled == nil {
      let contact = #"{"phone":"+1555000\#(1_000 + number)","name":"Ana"}"#
      filled = await api.api("POST", "/v1/contacts", contact, bearer: agent.access).code
    }
    #expect(filled == "idempotency_table_full")
    for path in ["/v1/users/\(agent.id)", "/v1/alert-channels/email", "/v1/roles/clerk"] {
      let answer = await api.api("DELETE", path, bearer: owner.access, key: path)
      #expect(answer.status == 204, "\(path): \(answer.json)")
      // Nothing is kept: its repeat finds it gone.
      let again = await api.api("DELETE", path, bearer: owner.access, key: path)
      #expect(again.code == "not_found", "\(path)")
    }
    #expect(await api.api("GET", "/v1/me", bearer: agent.access).code == "unauthenticated")
    let reset = await api.app(
      "POST", "/t/x/v1/password-resets/confirm",
      #"{"token":"\#(token)","password":"another long password"}"#)
    #expect(reset.status == 204, "\(reset.json)")
    #expect(await api.trySignIn(owner.email, "another long password").status == 201)
  }
}
