import Testing

@testable import Cell

@Suite struct MovePaceTests {
  private static let millisecond: UInt64 = 1_000_000

  private func rest(after piece: UInt64, bytes: UInt64 = 0, in whole: UInt64 = 0) -> UInt64 {
    MovePace.rest(
      after: piece * Self.millisecond, bytes: bytes, in: whole * Self.millisecond,
      bytesPerSecond: 50_000_000) / Self.millisecond
  }

  @Test("a piece of work is followed by a rest as long")
  func turn() { #expect(rest(after: 30) == 30) }

  @Test("a long piece's rest has an end")
  func longest() { #expect(rest(after: 20_000) == 500) }

  @Test("what went faster than its share of the disk rests until the share is due")
  func share() {
    #expect(rest(after: 2, bytes: 1_000_000, in: 2) == 18)
    #expect(rest(after: 15, bytes: 1_000_000, in: 15) == 15)
    #expect(rest(after: 2, bytes: 1_000_000, in: 40) == 2)
  }

  @Test("who catches up rests only where less waits than ever before")
  func gain() {
    var gain = CatchUpGain()
    let rounds = [900, 700, 800, 750, 650, 650, 100]
    #expect(rounds.map { gain.isSeen(in: $0) } == [true, true, false, false, true, false, true])
  }

  @Test("work hands its result on, its bytes are counted, its error is the caller's")
  func work() async throws {
    struct Trouble: Error {}
    var pace = MovePace()
    #expect(try await pace.work(sends: 7) { 3 } == 3)
    #expect(try await pace.work(sends: 5) { 4 } == 4)
    await #expect(throws: Trouble.self) { try await pace.work(sends: 1) { throw Trouble() } }
    #expect(pace.bytes == 12)
  }
}
