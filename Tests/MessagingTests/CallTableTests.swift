import Simulation
import Testing

@testable import Messaging

@Suite("Call table") struct CallTableTests {
  private typealias Table = CallTable<Int>
  private let start = ContinuousClock.now

  private func timed(_ call: Int, deadline: Int = 1_000, connectBy: Int = 900) -> Table.Timed {
    Table.Timed(
      call: call, deadline: start + .milliseconds(deadline),
      connectBy: start + .milliseconds(connectBy))
  }

  @Test func `calls wait for the connection, then for a slot, then there is no more room`() {
    var table = Table(slots: 1, waiting: 2)
    guard case .waiting = table.submit(timed(1)), case .waiting = table.submit(timed(2)),
      case .saturated = table.submit(timed(3))
    else {
      Issue.record("not connected, yet a call was started or a third one taken")
      return
    }
    #expect(table.connected().map(\.timed.call) == [1])
    let ended = table.finished(0)
    #expect(ended.call == 1)
    #expect(ended.next?.timed.call == 2)
  }

  @Test func `a slot is not reused before the abort of its last call has returned`() {
    var table = Table(slots: 1, waiting: 4)
    _ = table.connected()
    _ = table.submit(timed(1, deadline: 10))
    _ = table.submit(timed(2))
    let expired = table.expire(at: start + .milliseconds(10))
    #expect(expired.late == [1])
    #expect(expired.aborts == [0])
    // The transport ends first: the abort may still hit whatever runs in the slot.
    let ended = table.finished(0)
    #expect(ended.call == nil)
    #expect(ended.next == nil)
    #expect(table.aborted(0)?.timed.call == 2)
  }

  @Test func `what waits for a connection gives up at its own time`() {
    var table = Table(slots: 2, waiting: 4)
    _ = table.submit(timed(1, connectBy: 100))
    _ = table.submit(timed(2, deadline: 50, connectBy: 100))
    _ = table.submit(timed(3, connectBy: 200))
    let first = table.expire(at: start + .milliseconds(100))
    #expect(first.late == [2])
    #expect(first.unconnected == [1])
    #expect(table.connected().map(\.timed.call) == [3])
  }

  /// Random moves against a model: whatever happens, every call leaves exactly once and no slot
  /// holds two.
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `every call leaves exactly once`(seed: UInt64) {
    let random = SeededRandomSource(seed: seed)
    func roll(_ sides: Int) -> Int { Int(random.uint64() % UInt64(sides)) }
    var table = Table(slots: 4, waiting: 8)
    var now = start
    var running: Set<Int> = []
    var aborting: [Int] = []
    var left: [Int: Int] = [:]
    var refused: Set<Int> = []
    func leave(_ calls: [Int]) { for call in calls { left[call, default: 0] += 1 } }
    func begin(_ starts: [Table.Start]) {
      for start in starts {
        #expect(running.insert(start.slot).inserted, "a slot was given twice")
        #expect(!aborting.contains(start.slot), "a slot was given while its abort runs")
      }
    }
    for call in 0..<2_000 {
      now += .milliseconds(roll(4))
      let timed = Table.Timed(
        call: call, deadline: now + .milliseconds(roll(60)),
        connectBy: now + .milliseconds(roll(30)))
      switch table.submit(timed) {
      case .start(let slot): begin([Table.Start(slot: slot, timed: timed)])
      case .waiting: break
      case .saturated: refused.insert(call)
      }
      switch roll(8) {
      case 0: begin(table.connected())
      case 1: aborting += table.disconnected()
      case 2, 3:
        let expired = table.expire(at: now)
        leave(expired.late + expired.unconnected)
        aborting += expired.aborts
      case 4, 5:
        if let slot = running.randomSlot(roll) {
          running.remove(slot)
          let ended = table.finished(slot)
          if let call = ended.call { leave([call]) }
          if let next = ended.next { begin([next]) }
        }
      default:
        if !aborting.isEmpty {
          let slot = aborting.remove(at: roll(aborting.count))
          if let next = table.aborted(slot) { begin([next]) }
        }
      }
    }
    leave(table.close())
    #expect(left.values.allSatisfy { $0 == 1 })
    #expect(left.count + refused.count == 2_000)
    #expect(refused.isDisjoint(with: left.keys))
  }

  @Test func `a ring keeps its order through growth and removal`() {
    var ring = Ring<Int>()
    var expected: [Int] = []
    for value in 0..<5_000 {
      ring.append(value)
      expected.append(value)
      if value % 3 != 0 { #expect(ring.popFirst() == expected.removeFirst()) }
    }
    #expect(ring.removeAll { $0 % 2 == 0 } == expected.filter { $0 % 2 == 0 })
    #expect(ring.count == expected.count { $0 % 2 != 0 })
    for value in expected where value % 2 != 0 { #expect(ring.popFirst() == value) }
    #expect(ring.popFirst() == nil)
  }
}

extension Set<Int> {
  fileprivate func randomSlot(_ roll: (Int) -> Int) -> Int? {
    isEmpty ? nil : sorted()[roll(count)]
  }
}
