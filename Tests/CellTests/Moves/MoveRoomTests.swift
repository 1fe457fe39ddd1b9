import Testing
import Wire

@testable import Cell

@Suite struct MoveRoomTests {
  private let reserve = CellLimits.diskReserveBytes
  private let a = TenantID(trusted: "a")
  private let b = TenantID(trusted: "b")

  private func room(_ free: UInt64, total: UInt64 = 0) -> MoveRoom {
    MoveRoom { MoveRoom.Disk(free: free, total: total) }
  }

  private func isGiven(_ room: MoveRoom, _ use: MoveRoom.Use, _ bytes: UInt64) -> Bool {
    do throws(Failure) {
      try room.take(use, bytes: bytes)
      return true
    } catch {
      #expect(error.code == .cellFull)
      return false
    }
  }

  @Test func `a copy takes its bytes, an arrival twice as many`() {
    #expect(isGiven(room(reserve + 100), .copy(a), 100))
    #expect(!isGiven(room(reserve + 99), .copy(a), 100))
    #expect(isGiven(room(2 * reserve + 200), .arrival(a), 100))
    #expect(!isGiven(room(2 * reserve + 199), .arrival(a), 100))
    #expect(!isGiven(room(2 * reserve + 199), .arrival(a), .max))
  }

  @Test func `what others were promised is not promised again, until they give it back`() {
    let room = room(reserve + 250)
    #expect(isGiven(room, .copy(a), 200))
    #expect(!isGiven(room, .copy(b), 100))
    #expect(isGiven(room, .copy(a), 250), "asked again, it is the same use")
    room.giveBack(.copy(a))
    #expect(isGiven(room, .copy(b), 100))
  }

  @Test func `a disk is short with less than a fifth free, where its size is known`() {
    #expect(room(199, total: 1_000).isShort)
    #expect(!room(200, total: 1_000).isShort)
    #expect(!room(0).isShort)
  }
}
