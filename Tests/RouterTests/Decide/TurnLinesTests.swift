import Testing
import Wire

@testable import Router

@Suite("Who has a turn at a cell") struct TurnLinesTests {
  private typealias Lines = TurnLines<String>

  private let cell = CellID(trusted: "cell-1")
  private let start = ContinuousClock.now

  private static func tenant(_ name: String) -> TenantID { TenantID(trusted: name) }
  private func at(_ milliseconds: Int) -> ContinuousClock.Instant {
    start + .milliseconds(milliseconds)
  }

  /// As many turns as `name` gets at once.
  private func turns(
    of name: String, in lines: inout Lines, at milliseconds: Int, cell: CellID? = nil
  ) -> [TenantTurn] {
    var turns: [TenantTurn] = []
    while let turn = lines.begin(
      Self.tenant(name), at: cell ?? self.cell, now: at(milliseconds))
    { turns.append(turn) }
    return turns
  }

  @Test func `who is alone has the most, among many everybody has the least`() {
    var lines = Lines(window: 8, turns: 2...6, brief: .seconds(1))
    #expect(turns(of: "a", in: &lines, at: 0).count == 6)
    #expect(turns(of: "b", in: &lines, at: 0).count == 4)
    for name in ["c", "d", "e", "f"] { _ = turns(of: name, in: &lines, at: 0) }
    #expect(turns(of: "g", in: &lines, at: 0).count == 2)
  }

  @Test func `those of another cell, and those who were quiet for two seconds, do not count`() {
    var lines = Lines(window: 8, turns: 1...8, brief: .seconds(10))
    for name in ["a", "b", "c", "d"] { _ = turns(of: name, in: &lines, at: 0) }
    #expect(turns(of: "e", in: &lines, at: 0, cell: CellID(trusted: "cell-2")).count == 8)
    #expect(turns(of: "f", in: &lines, at: 900).count == 1)
    #expect(turns(of: "g", in: &lines, at: 3_000).count == 8)
  }

  @Test func `a slow request leaves the share, not the limit`() {
    var lines = Lines(window: 2, turns: 1...3, brief: .milliseconds(100))
    for name in ["b", "c"] { _ = turns(of: name, in: &lines, at: 0) }
    #expect(turns(of: "a", in: &lines, at: 0).count == 1)
    #expect(turns(of: "a", in: &lines, at: 99).isEmpty)
    #expect(turns(of: "a", in: &lines, at: 100).count == 1)
    #expect(turns(of: "a", in: &lines, at: 200).count == 1)
    #expect(turns(of: "a", in: &lines, at: 900).isEmpty)
  }

  @Test func `a line keeps its order, and nobody overtakes it`() throws {
    var lines = Lines(window: 1, turns: 1...1, brief: .seconds(1))
    let a = Self.tenant("a")
    let begun = lines.begin(a, at: cell, now: at(0))
    let first = try #require(begun)
    for caller in ["1", "2", "3"] { lines.wait(caller, for: a, at: cell, deadline: at(1_000)) }
    #expect(lines.waiting == 3)
    let called = lines.leave(first, now: at(1))
    #expect(called.map(\.caller) == ["1"])
    #expect(lines.begin(a, at: cell, now: at(2)) == nil)
    let second = try #require(called.first?.turn)
    #expect(lines.leave(second, now: at(3)).map(\.caller) == ["2"])
    #expect(lines.waiting == 1)
  }

  @Test func `whose deadline has passed is called without a turn`() throws {
    var lines = Lines(window: 1, turns: 1...1, brief: .seconds(100))
    let a = Self.tenant("a")
    let begun = lines.begin(a, at: cell, now: at(0))
    let turn = try #require(begun)
    lines.wait("soon", for: a, at: cell, deadline: at(10))
    lines.wait("late", for: a, at: cell, deadline: at(1_000))
    let none = lines.look(at: at(9))
    #expect(none.isEmpty)
    let called = lines.look(at: at(10))
    #expect(called.map(\.caller) == ["soon"])
    #expect(called.allSatisfy { $0.turn == nil })
    #expect(lines.leave(turn, now: at(11)).map(\.caller) == ["late"])
    #expect(lines.waiting == 0)
  }

  @Test func `a share that grows calls several at once, one that shrinks calls nobody`() throws {
    var lines = Lines(window: 4, turns: 1...4, brief: .seconds(100))
    let a = Self.tenant("a")
    var mine = turns(of: "a", in: &lines, at: 0)
    #expect(mine.count == 4)
    for name in ["b", "c", "d"] { _ = lines.begin(Self.tenant(name), at: cell, now: at(1)) }
    for caller in ["1", "2", "3"] { lines.wait(caller, for: a, at: cell, deadline: at(9_000)) }
    // Four are active: one turn each, and `a` has three too many.
    for _ in 0..<3 { #expect(lines.leave(mine.removeFirst(), now: at(2)).isEmpty) }
    // A moment later it is alone again.
    #expect(lines.begin(a, at: cell, now: at(2_500)) == nil, "others of its wait")
    #expect(lines.look(at: at(2_501)).map(\.caller) == ["1", "2", "3"])
  }

  @Test func `who asked in this second or the one before is active, and counted once`() {
    var active = ActiveTenants()
    let (a, b) = (Self.tenant("a"), Self.tenant("b"))
    active.note(a, at: at(0))
    active.note(b, at: at(500))
    active.note(a, at: at(900))
    #expect(active.count == 2)
    active.note(a, at: at(1_000))
    #expect(active.count == 2)
    active.note(a, at: at(2_100))
    #expect(active.count == 1)
    active.note(b, at: at(60_000))
    #expect(active.count == 1)
  }
}
