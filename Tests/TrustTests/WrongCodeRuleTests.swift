import Testing
import Trust

@Suite("Wrong codes") struct WrongCodeRuleTests {
  @Test func `a few cost nothing, then each doubles the wait, to a limit`() {
    let waits = (0...12).map { WrongCodeRule.waitSeconds(after: $0) }
    #expect(waits == [0, 0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900])
    #expect(WrongCodeRule.waitSeconds(after: .max) == 900)
  }

  @Test func `the wait counts from the last wrong one, and no clock makes it longer`() {
    func left(_ failures: Int, _ now: Int64) -> Int64 {
      WrongCodeRule.remaining(failures: failures, lastFailure: 100_000, now: now)
    }
    #expect(left(4, 100_000) == 0)
    #expect(left(5, 100_000) == 30_000)
    #expect(left(5, 129_999) == 1)
    #expect(left(5, 130_000) == 0)
    #expect(left(5, 99_000) == 30_000, "never longer than the wait")
    #expect(left(5, 69_999) == 0, "the clock was set back")
  }
}
