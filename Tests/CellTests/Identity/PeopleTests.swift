import Testing
import Wire

@testable import Cell

@Suite("People and roles") struct PeopleTests {
  @Test func `people come by invitation, and nobody grants what is at or above their own level`()
    async throws
  {
    let api = try TestAPI()
    let owner = try await api.person("owner")
    let manager = try await api.person("manager")
    let agent = try await api.person("agent")
    func invite(_ by: TestAPI.SignedIn, _ role: String) async -> TestAPI.Answer {
      await api.api(
        "POST", "/v1/users", #"{"email":"\#(role)2@example.com","name":"B","role":"\#(role)"}"#,
        bearer: by.access)
    }
    #expect(await invite(agent, "viewer").code == "forbidden")
    #expect(await invite(manager, "owner").code == "forbidden")
    #expect(await invite(manager, "manager").code == "forbidden")
    #expect(await invite(manager, "nonsense").code == "invalid_field")
    let viewer = await invite(manager, "viewer")
    #expect(viewer.status == 201 && viewer.text("state") == "invited")
    #expect(viewer.text("token") == nil, "only the letter has it")
    #expect(await invite(manager, "viewer").code == "email_taken")
    #expect(await invite(owner, "owner").status == 201)

    await api.services.identity.letters.round()
    let token = try #require(api.mailbox.token(to: "viewer2@example.com"))
    let accept = #"{"token":"\#(token)","password":"correct horse battery","name":"Vera"}"#
    #expect(await api.app("POST", "/t/x/v1/invitations/accept", accept).status == 200)
    #expect(
      await api.app("POST", "/t/x/v1/invitations/accept", accept).code == "unauthenticated",
      "a token works once")

    // Up and down the ladder.
    for (by, whom, code) in [
      (manager, owner, "forbidden"), (manager, manager, "forbidden"), (agent, manager, "forbidden"),
    ] {
      let patch = #"{"role":"viewer"}"#
      let changed = await api.api("PATCH", "/v1/users/\(whom.id)", patch, bearer: by.access)
      #expect(changed.code == code)
      let removed = await api.api("DELETE", "/v1/users/\(whom.id)", bearer: by.access)
      #expect(removed.code == code)
    }
    let raised = await api.api(
      "PATCH", "/v1/users/\(agent.id)", #"{"role":"owner"}"#, bearer: manager.access)
    #expect(raised.code == "forbidden")
    // An API key decides over nobody.
    let key = await api.makeKey()
    #expect(await api.api("GET", "/v1/users", bearer: key).status == 200)
    let byKey = await api.api(
      "POST", "/v1/users", #"{"email":"k@example.com","name":"K","role":"viewer"}"#, bearer: key)
    #expect(byKey.code == "forbidden")
  }

  @Test func `the last owner stays, whoever asks`() async throws {
    let api = try TestAPI()
    let owner = try await api.person("owner")
    let path = "/v1/users/\(owner.id)"
    for body in [#"{"role":"viewer"}"#, #"{"disabled":true}"#] {
      #expect(await api.api("PATCH", path, body, bearer: owner.access).code == "last_owner")
    }
    #expect(await api.api("DELETE", path, bearer: owner.access).code == "last_owner")
    let second = try await api.person("owner", "second")
    #expect(await api.api("DELETE", path, bearer: second.access).status == 204)
    #expect(await api.api("GET", "/v1/me", bearer: owner.access).code == "unauthenticated")
    let last = await api.api("DELETE", "/v1/users/\(second.id)", bearer: second.access)
    #expect(last.code == "last_owner")
  }

  @Test func `a change of role or state holds from the next request on`() async throws {
    let api = try TestAPI()
    let owner = try await api.person("owner")
    let agent = try await api.person("agent")
    #expect(await api.api("GET", "/v1/wallet", bearer: agent.access).code == "forbidden")
    let path = "/v1/users/\(agent.id)"
    _ = await api.api("PATCH", path, #"{"role":"manager"}"#, bearer: owner.access)
    #expect(await api.api("GET", "/v1/wallet", bearer: agent.access).code != "forbidden")
    _ = await api.api("PATCH", path, #"{"disabled":true}"#, bearer: owner.access)
    #expect(await api.api("GET", "/v1/me", bearer: agent.access).code == "unauthenticated")
    #expect(await api.refresh(agent.refresh).code == "unauthenticated")
    let signIn = await api.trySignIn(agent.email, TestAPI.password)
    #expect(signIn.code == "unauthenticated")
    let actions = await api.audited()
    #expect(actions.contains("user.role_change") && actions.contains("user.disable"))
    let alerts = await api.admin("GET", "/v1/tenants/t1/alerts")
    #expect(alerts.list("data").contains { $0["action"] as? String == "user.role_change" })
  }

  @Test func `custom roles stand below their makers, and go when nobody has them`() async throws {
    let api = try TestAPI()
    let manager = try await api.person("manager")
    let role = #"{"power":40,"scopes":["wallet:read","contacts:read"]}"#
    let made = await api.api("PUT", "/v1/roles/billing", role, bearer: manager.access)
    #expect(made.status == 200 && made.integer("power") == 40)
    let high = role.replacing("40", with: "75")
    #expect(
      await api.api("PUT", "/v1/roles/high", high, bearer: manager.access).code == "forbidden")
    let clerk = try await api.person("billing")
    #expect(await api.api("GET", "/v1/wallet", bearer: clerk.access).code != "forbidden")
    #expect(await api.api("GET", "/v1/messages", bearer: clerk.access).code == "forbidden")
    let narrower = role.replacing("wallet:read\",\"", with: "")
    _ = await api.api("PUT", "/v1/roles/billing", narrower, bearer: manager.access)
    #expect(await api.api("GET", "/v1/wallet", bearer: clerk.access).code == "forbidden")
    let path = "/v1/roles/billing"
    #expect(await api.api("DELETE", path, bearer: manager.access).code == "conflict")
    _ = await api.api("DELETE", "/v1/users/\(clerk.id)", bearer: manager.access)
    #expect(await api.api("DELETE", path, bearer: manager.access).status == 204)
    #expect(await api.api("GET", "/v1/roles", bearer: manager.access).list("data").count == 4)
  }

  @Test func `an operator opens a way in for whom no letter reaches, and the tenant sees it`()
    async throws
  {
    let api = try TestAPI()
    let owner = try await api.person("owner")
    let path = "/v1/tenants/t1/users/\(owner.id)/break-glass"
    #expect(await api.admin("POST", path, #"{"reason":"x"}"#).code == "invalid_field")
    let opened = await api.admin("POST", path, #"{"reason":"mail server of customer down"}"#)
    let token = try #require(opened.text("token"))
    let confirm = #"{"token":"\#(token)","password":"another long password"}"#
    let answer = await api.app("POST", "/t/x/v1/password-resets/confirm", confirm)
    #expect(answer.status == 204)
    #expect(await api.api("GET", "/v1/me", bearer: owner.access).code == "unauthenticated")
    #expect(await api.trySignIn(owner.email, "another long password").status == 201)
    #expect(await api.audited().contains("user.break_glass"))
  }
}
