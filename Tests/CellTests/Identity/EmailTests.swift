import Testing
import Wire

@testable import Cell

@Suite("E-mail addresses") struct EmailTests {
  private func ask(
    _ api: TestAPI, _ person: TestAPI.SignedIn, _ email: String,
    _ password: String = TestAPI.password
  ) async -> TestAPI.Answer {
    await api.api(
      "POST", "/v1/me/email", #"{"email":"\#(email)","password":"\#(password)"}"#,
      bearer: person.access)
  }

  private func confirm(_ api: TestAPI, _ token: String) async -> TestAPI.Answer {
    await api.app(
      "POST", "/t/x/v1/email-verifications/confirm", #"{"token":"\#(token)"}"#)
  }

  @Test func `an address is verified by letter, once, soon, and ends the sessions`() async throws {
    let api = try TestAPI()
    let person = try await api.person("agent")
    let me = await api.api("GET", "/v1/me", bearer: person.access)
    #expect(me.json["email_verified"] as? Bool == false, "an operator was shown the token")
    #expect(await ask(api, person, person.email, "wrong password").code == "forbidden")
    #expect(await ask(api, person, person.email).status == 202)
    await api.services.identity.letters.round()
    let token = try #require(api.mailbox.token(to: person.email))
    #expect(await confirm(api, token).status == 204)
    #expect(await confirm(api, token).code == "unauthenticated", "used")
    #expect(await api.api("GET", "/v1/me", bearer: person.access).code == "unauthenticated")
    let again = try await api.signIn(person.email)
    let now = await api.api("GET", "/v1/me", bearer: again.access)
    #expect(now.json["email_verified"] as? Bool == true)
    // Half an hour, no longer.
    #expect(await ask(api, again, again.email).status == 202)
    await api.services.identity.letters.round()
    let late = try #require(api.mailbox.token(to: person.email))
    api.clock.advance(milliseconds: 30 * 60_000)
    #expect(await confirm(api, late).code == "unauthenticated")
  }

  @Test func `a new address is somebody's once they read letters there, and nobody else's`()
    async throws
  {
    let api = try TestAPI()
    let person = try await api.person("agent")
    let other = try await api.person("viewer")
    await api.services.identity.letters.round()
    let before = api.mailbox.count
    let taken = await ask(api, person, other.email)
    let free = await ask(api, person, "new@example.com")
    #expect(taken.status == 202 && taken.bytes == free.bytes, "told alike")
    await api.services.identity.letters.round()
    #expect(api.mailbox.all.dropFirst(before).map(\.to) == ["new@example.com"])
    // Before it is confirmed nothing has changed.
    #expect(await api.trySignIn("new@example.com", TestAPI.password).code == "unauthenticated")
    let token = try #require(api.mailbox.token(to: "new@example.com"))
    #expect(await confirm(api, token).status == 204)
    #expect(try await api.signIn("new@example.com").id == person.id)
    #expect(await api.trySignIn(person.email, TestAPI.password).code == "unauthenticated")
    #expect(await api.audited().contains("user.email_change"))
  }

  @Test func `an invitation by letter proves the address`() async throws {
    let api = try TestAPI()
    let owner = try await api.person("owner")
    let invited = await api.api(
      "POST", "/v1/users", #"{"email":"eva@example.com","name":"Eva","role":"agent"}"#,
      bearer: owner.access)
    #expect(invited.status == 201 && invited.text("token") == nil)
    await api.services.identity.letters.round()
    let token = try #require(api.mailbox.token(to: "eva@example.com"))
    let accepted = await api.app(
      "POST", "/t/x/v1/invitations/accept",
      #"{"token":"\#(token)","password":"\#(TestAPI.password)"}"#)
    #expect(accepted.status == 200)
    let eva = try await api.signIn("eva@example.com")
    let me = await api.api("GET", "/v1/me", bearer: eva.access)
    #expect(me.json["email_verified"] as? Bool == true)
  }

  @Test func `a letter that nobody takes holds no other up, is tried slowly, and is let go`()
    async throws
  {
    let api = try TestAPI()
    let owner = try await api.person("owner")
    func invite(_ name: String) async {
      let made = await api.api(
        "POST", "/v1/users",
        #"{"email":"\#(name)@example.com","name":"\#(name)","role":"agent"}"#,
        bearer: owner.access)
      #expect(made.status == 201)
    }
    func round() async { await api.services.identity.letters.round() }
    await round()
    api.mailbox.refuse(["lost@example.com"])
    let before = api.mailbox.count
    await invite("lost")
    await invite("eva")
    await round()
    #expect(api.mailbox.all.dropFirst(before).map(\.to) == ["eva@example.com"])
    api.mailbox.refuse([])
    await round()
    #expect(api.mailbox.count == before + 1, "five seconds are waited")
    api.clock.advance(milliseconds: 5_000)
    await round()
    #expect(api.mailbox.all.last?.to == "lost@example.com")
    api.mailbox.refuse(["gone@example.com"])
    await invite("gone")
    await round()
    api.clock.advance(milliseconds: Letters.keptSeconds * 1_000 + 1)
    await round()
    api.mailbox.refuse([])
    api.clock.advance(milliseconds: 3_600_000)
    await round()
    #expect(api.mailbox.count == before + 2, "its token is too old")
  }

  @Test func `break-glass lets somebody in without a letter, with a reason, and is an alert`()
    async throws
  {
    let api = try TestAPI()
    let owner = try await api.person("owner")
    let path = "/v1/tenants/t1/users/\(owner.id)/break-glass"
    #expect(await api.admin("POST", path, #"{"reason":"x"}"#).code == "invalid_field")
    let opened = await api.admin("POST", path, #"{"reason":"their mail server is gone"}"#)
    let token = try #require(opened.text("token"), "\(opened.json)")
    let set = await api.app(
      "POST", "/t/x/v1/password-resets/confirm",
      #"{"token":"\#(token)","password":"a wholly new password"}"#)
    #expect(set.status == 204)
    #expect(await api.trySignIn(owner.email, "a wholly new password").status == 201)
    let alerts = await api.admin("GET", "/v1/tenants/t1/alerts").list("data")
    let entry = try #require(alerts.first { $0["action"] as? String == "user.break_glass" })
    let detail = entry["detail"] as? [String: any Sendable]
    #expect(detail?["reason"] as? String == "their mail server is gone")
  }
}
