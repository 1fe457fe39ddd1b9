import Simulation
import Testing
import Wire

@testable import Storage

@Suite("Due schedule") struct DueScheduleTests {
  private let a = TenantID(trusted: "a")
  private let b = TenantID(trusted: "b")

  @Test func `who is due is announced once, and again only after the pause`() {
    let schedule = ScheduleUnderTest()
    do {
      let isFirst = schedule.set(a, Timestamp(milliseconds: 100))
      #expect(isFirst)
    }
    do {
      let isFirst = schedule.set(b, Timestamp(milliseconds: 200))
      #expect(!isFirst)
    }
    let later = Timestamp(milliseconds: 5_100)
    #expect(schedule.take(now: Timestamp(milliseconds: 99), again: later).isEmpty)
    #expect(schedule.take(now: Timestamp(milliseconds: 100), again: later) == [a])
    #expect(schedule.take(now: Timestamp(milliseconds: 150), again: later).isEmpty)
    #expect(schedule.take(now: Timestamp(milliseconds: 300), again: later) == [b])
    let last = Timestamp(milliseconds: 9_000)
    #expect(Set(schedule.take(now: later, again: last)) == [a, b])
  }

  @Test func `a time that was set anew or cleared replaces the old one`() {
    let schedule = ScheduleUnderTest()
    _ = schedule.set(a, Timestamp(milliseconds: 100))
    _ = schedule.set(a, Timestamp(milliseconds: 900))
    _ = schedule.set(b, Timestamp(milliseconds: 100))
    _ = schedule.set(b, nil)
    let never = Timestamp.distantFuture
    #expect(schedule.take(now: Timestamp(milliseconds: 500), again: never).isEmpty)
    #expect(schedule.take(now: Timestamp(milliseconds: 900), again: never) == [a])
    #expect(schedule.count == 1)
  }

  @Test func `a time that moves on and on does not pile up`() {
    let schedule = ScheduleUnderTest()
    _ = schedule.set(b, Timestamp(milliseconds: 50))
    for step in 1...10_000 { _ = schedule.set(a, Timestamp(seconds: Int64(1_000 + step))) }
    #expect(schedule.entries < 200)
    #expect(schedule.take(now: Timestamp(milliseconds: 50), again: .distantFuture) == [b])
    #expect(schedule.take(now: Timestamp(seconds: 10_999), again: .distantFuture).isEmpty)
    #expect(schedule.take(now: Timestamp(seconds: 11_000), again: .distantFuture) == [a])
  }

  @Test(arguments: 1...5) func `times come in order`(seed: Int) {
    let random = SeededRandomSource(seed: UInt64(seed))
    let schedule = ScheduleUnderTest()
    var expected: [TenantID: Timestamp] = [:]
    for _ in 0..<400 {
      let tenant = TenantID(trusted: "t\(random.uint64() % 60)")
      let at = random.uint64() % 5 == 0 ? nil : Timestamp(seconds: Int64(random.uint64() % 1_000))
      _ = schedule.set(tenant, at)
      expected[tenant] = at
    }
    for second in stride(from: Int64(0), to: 1_000, by: 50) {
      let now = Timestamp(seconds: second)
      let due = Set(schedule.take(now: now, again: .distantFuture))
      #expect(due == Set(expected.filter { $0.value <= now }.keys))
      expected = expected.filter { $0.value > now }
    }
  }
}

/// `#expect` cannot call mutating members; a reference can.
private final class ScheduleUnderTest {
  private var schedule = DueSchedule()
  var count: Int { schedule.count }
  var entries: Int { schedule.entries }
  func set(_ tenant: TenantID, _ at: Timestamp?) -> Bool { schedule.set(tenant, at) }
  func take(now: Timestamp, again: Timestamp) -> [TenantID] {
    schedule.take(now: now, again: again)
  }
}
