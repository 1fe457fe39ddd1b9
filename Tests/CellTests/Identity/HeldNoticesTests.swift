import Testing
import Wire

@testable import Cell

/// What the gate keeps back of letters and alerts, and what becomes of it.
@Suite("Letters and alerts after a promotion or restore") struct HeldNoticesTests {
  private func set(_ rule: NoticeRule, _ api: TestAPI) {
    api.gate.notice.withLock { $0 = rule }
  }

  private func now(_ api: TestAPI) -> Timestamp {
    Timestamp(milliseconds: api.clock.milliseconds())
  }

  @Test func `a letter of an earlier owner waits for the release, a new one does not`()
    async throws
  {
    let api = try TestAPI()
    let owner = try await api.person("owner")
    let letters = api.services.identity.letters
    await letters.round()
    let before = api.mailbox.count
    func invite(_ name: String) async {
      let made = await api.api(
        "POST", "/v1/users",
        #"{"email":"\#(name)@example.com","name":"\#(name)","role":"agent"}"#,
        bearer: owner.access)
      #expect(made.status == 201)
    }
    func sent() -> [String] { api.mailbox.all.dropFirst(before).map(\.to) }

    await invite("old")
    set(.after(now(api)), api)
    await letters.round()
    #expect(sent().isEmpty)
    api.clock.advance(milliseconds: 1)
    await invite("new")
    await letters.round()
    #expect(sent() == ["new@example.com"])
    set(.all, api)
    letters.sendsMayResume()
    for _ in 0..<2 { await letters.round() }
    #expect(sent() == ["new@example.com", "old@example.com"])
  }

  @Test func `one whose token opens nothing any more is let go`() async throws {
    let api = try TestAPI()
    let person = try await api.person("agent")
    let letters = api.services.identity.letters
    await letters.round()
    let before = api.mailbox.count
    func forget() async {
      let asked = await api.app(
        "POST", "/t/x/v1/password-resets", #"{"email":"\#(person.email)"}"#)
      #expect(asked.status == 202)
    }
    await forget()
    set(.nothing, api)
    await letters.round()
    api.clock.advance(milliseconds: OneTimeToken.Purpose.passwordReset.seconds * 1_000)
    set(.all, api)
    letters.sendsMayResume()
    await letters.round()
    #expect(api.mailbox.count == before)
    // Whoever asks again gets one.
    await forget()
    await letters.round()
    #expect(api.mailbox.count == before + 1)
  }

  @Test func `alerts wait while nothing may leave, and are not kept back for a release`()
    async throws
  {
    let api = try TestAPI()
    let owner = try await api.person("owner")
    let put = await api.api(
      "PUT", "/v1/alert-channels/webhook",
      #"{"url":"https://example.com/alerts","secret":"0123456789abcdef"}"#, bearer: owner.access)
    #expect(put.status == 200)
    let alerts = api.services.identity.alerts
    set(.nothing, api)
    for _ in 0..<2 { await alerts.round() }
    #expect(api.hook.posts.isEmpty)
    // Older than the promotion: an earlier owner may have brought it.
    set(.after(now(api).adding(seconds: 60)), api)
    for _ in 0..<2 { await alerts.round() }
    #expect(api.hook.posts.count == 1)
  }
}
