import Storage
import Testing
import Trust
import Wire

@testable import Cell

@Suite("Sessions") struct SessionTests {
  @Test func `a refresh token is used once, and a lost answer is answered again`() async throws {
    let api = try TestAPI()
    let person = try await api.person("agent")
    let first = await api.refresh(person.refresh)
    #expect(first.status == 200)
    // Its answer was lost: the same pair, byte for byte, for ten seconds.
    api.clock.advance(milliseconds: 9_000)
    #expect(await api.refresh(person.refresh).bytes == first.bytes)
    let access = try #require(first.text("access_token"))
    #expect(await api.api("GET", "/v1/me", bearer: access).status == 200)
    let second = await api.refresh(try #require(first.text("refresh_token")))
    #expect(second.status == 200)
    // The pair went on: whoever comes with the first token now is somebody else.
    #expect(await api.refresh(person.refresh).code == "unauthenticated")
    let newest = try #require(second.text("access_token"))
    #expect(await api.api("GET", "/v1/me", bearer: newest).code == "unauthenticated")
    let next = try #require(second.text("refresh_token"))
    #expect(await api.refresh(next).code == "unauthenticated", "the session has ended")
    #expect(await api.audited().contains("session.refresh_reuse"))
    #expect(try await api.signIn(person.email).session != person.session)
  }

  @Test func `a replay after the grace ends the session`() async throws {
    let api = try TestAPI()
    let person = try await api.person("agent")
    let first = await api.refresh(person.refresh)
    api.clock.advance(milliseconds: 10_001)
    #expect(await api.refresh(person.refresh).code == "unauthenticated")
    let access = try #require(first.text("access_token"))
    #expect(await api.api("GET", "/v1/me", bearer: access).code == "unauthenticated")
  }

  @Test func `many refreshes of one token at once have one child and one answer`() async throws {
    let api = try TestAPI()
    let person = try await api.person("agent")
    let answers = await withTaskGroup(of: [UInt8].self) { group in
      for _ in 0..<200 { group.addTask { await api.refresh(person.refresh).bytes } }
      return await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
    }
    #expect(answers.count == 1)
    let pairs = try await api.services.store.read(TestAPI.tenant, [.sessions]) { snapshot in
      try SessionsStore(snapshot).list(user: nil, after: RowID(0), now: snapshot.now, limit: 9)
    }
    #expect(pairs.count == 1)
  }

  @Test func `tokens end with their time, and nothing else is a token`() async throws {
    let api = try TestAPI()
    let person = try await api.person("agent")
    api.clock.advance(milliseconds: 600_000)
    #expect(await api.api("GET", "/v1/me", bearer: person.access).code == "unauthenticated")
    let next = await api.refresh(person.refresh)
    let refresh = try #require(next.text("refresh_token"))
    #expect(await api.refresh(person.access).code == "unauthenticated", "not a refresh token")
    #expect(await api.api("GET", "/v1/me", bearer: refresh).code == "unauthenticated")
    api.clock.advance(milliseconds: 7 * 86_400_000)
    #expect(await api.refresh(refresh).code == "unauthenticated", "idle for too long")
    for text in ["ast_", "asr_x", person.access + "0", String(person.access.dropLast())] {
      #expect(await api.api("GET", "/v1/me", bearer: text).code == "unauthenticated")
      #expect(await api.refresh(text).code == "unauthenticated")
    }
    let foreign = await api.api(
      "GET", "/v1/me", bearer: person.access, tenant: TestAPI.otherTenant)
    #expect(foreign.code == "unauthenticated")
  }

  @Test func `sessions are listed and ended, one's own and others', at once`() async throws {
    let api = try TestAPI()
    let owner = try await api.person("owner")
    let agent = try await api.person("agent")
    let second = try await api.signIn(agent.email)
    let own = await api.api("GET", "/v1/me/sessions", bearer: agent.access)
    #expect(Set(own.list("data").map { $0["id"] as? String }) == [agent.session, second.session])
    #expect(await api.api("GET", "/v1/sessions", bearer: agent.access).code == "forbidden")
    let others = "/v1/me/sessions/\(owner.session)"
    #expect(await api.api("DELETE", others, bearer: agent.access).code == "not_found")
    let ended = await api.api("DELETE", "/v1/me/sessions/current", bearer: agent.access)
    #expect(ended.status == 204)
    #expect(await api.api("GET", "/v1/me", bearer: agent.access).code == "unauthenticated")
    #expect(await api.api("GET", "/v1/me", bearer: second.access).status == 200)
    let byOwner = await api.api("DELETE", "/v1/sessions/\(second.session)", bearer: owner.access)
    #expect(byOwner.status == 204)
    #expect(await api.api("GET", "/v1/me", bearer: second.access).code == "unauthenticated")
    let manager = try await api.person("manager")
    let above = await api.api("DELETE", "/v1/sessions/\(owner.session)", bearer: manager.access)
    #expect(above.code == "not_found")
    #expect(await api.api("DELETE", "/v1/me/sessions", bearer: owner.access).status == 204)
    #expect(await api.refresh(owner.refresh).code == "unauthenticated")
  }

  @Test func `wrong passwords and unknown people are answered alike, and locked out by rate`()
    async throws
  {
    let api = try TestAPI()
    let person = try await api.person("agent")
    let wrong = await api.trySignIn(person.email, "wrong password")
    let unknown = await api.trySignIn("nobody@example.com", "wrong password")
    #expect(wrong.status == 401 && wrong.document == unknown.document)
    for index in 0..<20 {
      _ = await api.trySignIn(person.email, "wrong password", address: "192.0.2.\(index)")
    }
    let locked = await api.trySignIn(person.email, TestAPI.password, address: "192.0.2.99")
    #expect(locked.code == "rate_limited" && locked.headers["retry-after"] != nil)
    #expect(await api.audited().filter { $0 == "session.lock_out" }.count == 1)
    // Whoever goes on is let through at the rate, and told of once.
    for index in 0..<5 {
      api.clock.advance(milliseconds: 31_000)
      for _ in 0..<3 {
        _ = await api.trySignIn(person.email, "wrong password", address: "192.0.3.\(index)")
      }
    }
    #expect(await api.audited().filter { $0 == "session.lock_out" }.count == 1)
    // Not for good.
    api.clock.advance(milliseconds: 31_000)
    let later = await api.trySignIn(person.email, TestAPI.password, address: "192.0.2.99")
    #expect(later.status == 201)
    // The reasons are in the log, each attempt is not.
    let actions = await api.audited()
    #expect(actions.filter { $0 == "credential.refused" }.count <= 30)
  }

  @Test func `a second factor is asked for, a code works once, a recovery code once`()
    async throws
  {
    let api = try TestAPI()
    let person = try await api.person("owner")
    let enrolment = await api.api("POST", "/v1/me/totp", bearer: person.access)
    let uri = try #require(enrolment.text("uri"))
    #expect(uri.hasPrefix("otpauth://totp/Aimstors:owner%40example.com?secret="))
    let secret = Self.base32(try #require(enrolment.text("secret")))
    func code(_ steps: Int64 = 0) -> String {
      OneTimeCode.code(
        secret,
        step: OneTimeCode.step(at: Timestamp(milliseconds: api.clock.milliseconds())) + steps)
    }
    // Not in force before it is confirmed.
    #expect(await api.trySignIn(person.email, TestAPI.password).status == 201)
    let confirmed = await api.api(
      "POST", "/v1/me/totp/confirm", #"{"code":"\#(code())"}"#, bearer: person.access)
    let recovery = try #require(confirmed.json["recovery_codes"] as? [String])
    #expect(recovery.count == 10)
    #expect(
      await api.trySignIn(person.email, TestAPI.password).code == "second_factor_required")
    #expect(
      await api.trySignIn(person.email, "wrong password").code == "unauthenticated",
      "nothing is told about the factor before the password is right")
    let used = #","code":"\#(code())""#
    #expect(await api.trySignIn(person.email, TestAPI.password, used).code == "unauthenticated")
    api.clock.advance(milliseconds: 30_000)
    let fresh = #","code":"\#(code())""#
    #expect(await api.trySignIn(person.email, TestAPI.password, fresh).status == 201)
    let saved = #","recovery_code":"\#(recovery[0])""#
    #expect(await api.trySignIn(person.email, TestAPI.password, saved).status == 201)
    #expect(await api.trySignIn(person.email, TestAPI.password, saved).code == "unauthenticated")
    let removal = #"{"password":"\#(TestAPI.password)"}"#
    let removed = await api.api("POST", "/v1/me/totp/remove", removal, bearer: person.access)
    #expect(removed.status == 204)
    #expect(await api.trySignIn(person.email, TestAPI.password).status == 201)
  }

  @Test func `a forgotten password is set by letter, once, and ends the sessions`() async throws {
    let api = try TestAPI()
    let person = try await api.person("agent")
    await api.services.identity.letters.round()
    let letters = api.mailbox.count
    func ask(_ email: String) async -> TestAPI.Answer {
      await api.app("POST", "/t/x/v1/password-resets", #"{"email":"\#(email)"}"#)
    }
    let known = await ask(person.email)
    let unknown = await ask("nobody@example.com")
    #expect(known.status == 202 && unknown.status == 202 && known.bytes == unknown.bytes)
    await api.services.identity.letters.round()
    #expect(api.mailbox.count == letters + 1)
    let token = try #require(api.mailbox.token(to: person.email))
    func set(_ password: String) async -> TestAPI.Answer {
      await api.app(
        "POST", "/t/x/v1/password-resets/confirm",
        #"{"token":"\#(token)","password":"\#(password)"}"#)
    }
    #expect(await set("password123").code == "invalid_field")
    #expect(await set("another long password").status == 204)
    #expect(await set("yet another password").code == "unauthenticated")
    #expect(await api.api("GET", "/v1/me", bearer: person.access).code == "unauthenticated")
    #expect(await api.trySignIn(person.email, "another long password").status == 201)
    // Half an hour, no longer.
    _ = await ask(person.email)
    await api.services.identity.letters.round()
    let late = try #require(api.mailbox.token(to: person.email))
    api.clock.advance(milliseconds: 30 * 60_000)
    let answer = await api.app(
      "POST", "/t/x/v1/password-resets/confirm",
      #"{"token":"\#(late)","password":"a third long password"}"#)
    #expect(answer.code == "unauthenticated")
  }

  @Test func `a weaker hash is made anew when its person signs in`() async throws {
    let api = try TestAPI()
    let person = try await api.person("agent")
    let id = try #require(RowID(person.id, .user))
    @Sendable func hash() async throws -> String? {
      try await api.services.store.read(TestAPI.tenant, [.sessions]) {
        try UsersStore($0).credentials(of: id).passwordHash
      }
    }
    #expect(try await hash()?.hasPrefix("$2b$04$") == true)
    let stronger = SignIn(
      store: api.services.store,
      identity: api.services.identity.with(passwords: PasswordWork(cost: 5)),
      sealer: api.services.sealer)
    let proof = SignIn.Proof(
      email: person.email, password: TestAPI.password, code: nil, recoveryCode: nil)
    let rule = try #require(PermissionTable.rule(.app, "POST", "/t/{}/v1/sessions"))
    _ = try await stronger.signIn(
      proof, tenant: TestAPI.tenant, agent: "",
      RequestActor(
        actor: .init(.anonymous, ""), address: "", traceID: "", rule: rule, target: ""),
      origin: CommandOrigin(requestID: "", traceID: ""))
    #expect(try await hash()?.hasPrefix("$2b$05$") == true)
  }

  private static func base32(_ text: String) -> [UInt8] {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    var bits = 0
    var buffer = 0
    var bytes: [UInt8] = []
    for character in text {
      buffer = buffer << 5 | (digits.firstIndex(of: character) ?? 0)
      bits += 5
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: buffer >> bits))
        buffer &= (1 << bits) - 1
      }
    }
    return bytes
  }
}

extension IdentityServices {
  fileprivate func with(passwords: PasswordWork) -> IdentityServices {
    IdentityServices(
      cell: cell, sessions: sessions, limits: limits, passwords: passwords, refusals: refusals,
      letters: letters, witness: witness, alerts: alerts,
      alertsMayStayInside: alertsMayStayInside, grantKey: grantKey, outage: outage,
      lifetimes: lifetimes, random: random)
  }
}
