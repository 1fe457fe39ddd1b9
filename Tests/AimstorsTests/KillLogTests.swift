import Testing

@testable import aimstors

@Suite struct KillLogTests {
  private func log() -> KillLog {
    var log = KillLog()
    log.sent(1, "a")
    log.sent(1, "a")
    log.sent(2, "b")
    log.toppedUp(3, 50)
    log.toppedUp(3, 50)
    log.wrote("hello")
    return log
  }

  @Test func `what was acknowledged counts once`() {
    #expect(log().acknowledged == 4)
    #expect(log().toppedUpMicros == 50)
  }

  @Test func `a whole system has nothing lost and nothing twice`() {
    #expect(log().compare(messages: ["b", "a"], texts: ["hello"]) == (0, 0))
  }

  @Test func `what is missing is lost, what nobody asked for is a duplicate`() {
    #expect(log().compare(messages: ["a"], texts: []) == (2, 0))
    #expect(log().compare(messages: ["a", "b", "c"], texts: ["hello", "hello"]) == (0, 2))
  }

  @Test func `a repeat that is answered otherwise is a duplicate`() {
    var log = log()
    log.sent(2, "x")
    #expect(log.compare(messages: ["a", "b"], texts: ["hello"]) == (0, 1))
  }
}
