import Testing
import Wire

@testable import Router

@Suite("Webhooks that nobody could store") struct UnstoredWebhooksTests {
  private func second(_ n: Int64) -> Timestamp { Timestamp(seconds: n) }

  @Test func `they are a problem since the first, until ten minutes after the last`() {
    var webhooks = UnstoredWebhooks()
    #expect(webhooks.problem(now: second(0)) == nil)
    webhooks.note(at: second(100))
    webhooks.note(at: second(600))
    let problem = webhooks.problem(now: second(1_199))
    #expect(problem?.code == "webhooks_not_stored")
    #expect(problem?.since == second(100))
    #expect(problem?.detail.hasPrefix("2 answered") == true)
    #expect(webhooks.problem(now: second(1_200)) == nil)
    webhooks.note(at: second(2_000))
    #expect(webhooks.problem(now: second(2_000))?.since == second(2_000))
    #expect(webhooks.problem(now: second(2_000))?.detail.hasPrefix("1 answered") == true)
  }
}
