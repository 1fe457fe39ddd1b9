import Testing

@testable import aimstors

@Suite("A version on trial that answers no more") struct TrialSilenceTests {
  @Test func `it is ended after the limit, counted from its last answer`() {
    var silence = TrialSilence()
    silence.heard(at: 1_000)
    silence.heard(at: 9_000)
    #expect(!silence.isOver(at: 9_000 + TrialSilence.limit - 1))
    #expect(silence.isOver(at: 9_000 + TrialSilence.limit))
    // An answer that comes after all counts.
    silence.heard(at: 9_000 + TrialSilence.limit)
    #expect(!silence.isOver(at: 9_000 + TrialSilence.limit))
  }

  @Test func `what has not answered yet is not its matter, nor what was started anew`() {
    var silence = TrialSilence()
    #expect(!silence.isOver(at: .max))
    silence.heard(at: 0)
    silence.forget()
    #expect(!silence.isOver(at: .max))
  }
}
