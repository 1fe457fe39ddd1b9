import Platform
import Testing

@Suite struct BoundedAnswerTests {
  @Test func `an answer in time is given`() async {
    #expect(await BoundedAnswer.within(seconds: 600) { 7 } == 7)
  }

  @Test func `a caller that is cancelled waits all the same`() async {
    let caller = Task {
      while !Task.isCancelled { await Task.yield() }
      return await BoundedAnswer.within(seconds: 600) {
        try? await Task.sleep(for: .milliseconds(50))
        return 7
      }
    }
    caller.cancel()
    #expect(await caller.value == 7)
  }

  @Test func `what never ends is left behind`() async {
    // Nobody ever resumes it, and its cancellation is nothing to it.
    let answer: Int? = await BoundedAnswer.within(seconds: 1) {
      await withUnsafeContinuation { (_: UnsafeContinuation<Int, Never>) in }
    }
    #expect(answer == nil)
  }
}
