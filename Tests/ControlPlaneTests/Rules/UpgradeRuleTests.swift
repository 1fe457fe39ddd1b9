import Testing
import Wire

@testable import ControlPlane

@Suite("Upgrade rule") struct UpgradeRuleTests {
  private typealias Counts = UpgradeRule.Counts
  private let now = Timestamp(seconds: 1_000)
  private func cell(_ name: String, _ tenants: Int = 1) -> UpgradeRule.Cell {
    .init(id: CellID(trusted: name), tenants: tenants)
  }
  private func names(_ waves: [[CellID]]) -> [[String]] { waves.map { $0.map(\.rawValue) } }

  private func member(
    _ state: UpgradeMember.State, name: String = "a", cell: String = "a", wave: Int = 0,
    isFollower: Bool = false
  ) -> UpgradeMember {
    var member = UpgradeMember(
      name: name, cell: CellID(trusted: cell), isFollower: isFollower, wave: wave, from: "1",
      to: "2", state: state, since: now)
    member.startedAt = 7
    return member
  }

  private func sight(_ answer: UpgradeSight.Answer = .running) -> UpgradeSight {
    UpgradeSight(answer: answer, isReady: true, startedAt: 7)
  }

  private func next(
    _ member: UpgradeMember, _ sight: UpgradeSight, after milliseconds: Int64 = 0,
    everywhere: UpgradeRule.Counts = .init(), isRollback: Bool = false
  ) -> UpgradeMember {
    UpgradeRule.next(
      member, sight,
      .init(
        isRollback: isRollback, soak: isRollback ? 0 : 10_000, everywhere: everywhere),
      at: Timestamp(milliseconds: now.milliseconds + milliseconds))
  }

  @Test func `the canary is the least cell that has tenants, the others follow in waves`() {
    let cells = [cell("a", 9), cell("b", 0), cell("c", 2), cell("d", 5), cell("e", 7)]
    #expect(
      names(UpgradeRule.waves(cells, canary: nil, size: nil)) == [["c"], ["b", "d"], ["e", "a"]])
    #expect(
      names(UpgradeRule.waves(cells, canary: CellID(trusted: "a"), size: 9))
        == [["a"], ["b", "c", "d", "e"]])
    #expect(names(UpgradeRule.waves([cell("x", 0)], canary: nil, size: 1)) == [["x"]])
    #expect(UpgradeRule.waves([], canary: nil, size: 1) == [])
  }

  @Test func `a rise is failures, in number, in part, and against before`() {
    let none = Counts()
    func rise(_ failed: UInt64, of requests: UInt64, before: Counts = none, all: Counts = none)
      -> Bool
    {
      UpgradeRule.isRise(
        Counts(requests: requests, failed: failed), before: before, everywhere: all)
    }
    #expect(!rise(4, of: 4))
    #expect(rise(5, of: 100))
    #expect(!rise(5, of: 500))
    #expect(rise(6, of: 500))
    // A cell in which one in ten failed before is not halted by one in six.
    let bad = Counts(requests: 1_000, failed: 100)
    #expect(!rise(16, of: 100, before: bad))
    #expect(!rise(16, of: 100, all: bad))
    #expect(rise(21, of: 100, before: bad))
  }

  @Test func `counts of a process that has started anew are its own`() {
    let earlier = Counts(requests: 100, failed: 3)
    #expect(Counts(requests: 150, failed: 4).since(earlier) == Counts(requests: 50, failed: 1))
    #expect(Counts(requests: 20, failed: 1).since(earlier) == Counts(requests: 20, failed: 1))
  }

  @Test func `a process is told, comes up, is watched, confirmed and done`() {
    #expect(next(member(.planned), sight(.none)).state == .asked)
    #expect(next(member(.asked), sight(.restarting), after: 5_000).state == .asked)
    var waiting = sight()
    waiting.isReady = false
    #expect(next(member(.asked), waiting).state == .asked)
    #expect(next(member(.asked), sight()).state == .watched)
    #expect(next(member(.watched), sight(), after: 9_000).state == .watched)
    #expect(next(member(.watched), sight(), after: 10_000).state == .confirming)
    #expect(next(member(.watched), sight(.none), after: 10_000).state == .watched)
    #expect(next(member(.confirming), sight()).state == .done)
    #expect(next(member(.confirming), sight(.none)).state == .confirming)
    #expect(next(member(.confirming), sight(.none), after: 200_000).state == .failed)
  }

  @Test func `it is judged before it is confirmed`() {
    var sick = sight()
    sick.problems = ["disk_low"]
    // Nothing was confirmed where it fails: it falls back by itself.
    #expect(next(member(.watched), sick, after: 10_000).state == .watched)
    var other = sight()
    other.startedAt = 8
    #expect(next(member(.watched), other, after: 10_000).state == .failed)
    #expect(next(member(.confirming), other).state == .failed)
  }

  @Test func `a rollback is done where the version runs and serves, whatever is wrong there`() {
    var sick = sight()
    sick.problems = ["tenant_stopped", "archive_unreachable"]
    sick.counts = Counts(requests: 10, failed: 10)
    let up = next(member(.asked), sick, isRollback: true)
    #expect(up.state == .confirming)
    // It starts again before it was confirmed, and counts anew.
    sick.startedAt = 9
    #expect(next(up, sick, isRollback: true).state == .done)
    sick.isReady = false
    #expect(next(member(.asked), sick, isRollback: true).state == .asked)
  }

  @Test func `one that cannot be taken back holds no other, and is named`() {
    var members = [
      member(.failed, name: "a-b", wave: 0, isFollower: true), member(.done, wave: 0),
      member(.skipped, name: "c", cell: "c", wave: 0),
      member(.planned, name: "d", cell: "d", wave: 1),
    ]
    #expect(UpgradeRule.turn(members, isRollback: true).map(\.name) == ["d"])
    #expect(UpgradeRule.end(members, isRollback: true) == nil)
    #expect(UpgradeRule.turn(members, isRollback: false) == [])
    members[3].state = .done
    guard case .failed(let detail) = UpgradeRule.end(members, isRollback: true) else {
      Issue.record("a rollback that left one out says that it has succeeded")
      return
    }
    #expect(detail.contains("a-b"))
    members[0].state = .done
    #expect(UpgradeRule.end(members, isRollback: true) == .succeeded)
    var gone = sight(.none)
    gone.isRetired = true
    for state in [UpgradeMember.State.planned, .asked, .watched, .confirming] {
      #expect(next(member(state), gone).state == .skipped)
    }
  }

  @Test func `one that falls silent while it is watched halts at once`() {
    var dead = sight(.none)
    dead.isSilent = true
    dead.startedAt = 0
    #expect(next(member(.watched), dead, after: 1_000).state == .failed)
    let back = next(member(.watched), sight(.failed("started 3 times")), after: 1_000)
    #expect(back.state == .failed && back.detail == "started 3 times")
  }

  @Test func `a follower is ready once its primary feeds it, not when it answers`() {
    let roster = ReplicaRoster(boot: SimulatedBootClock())
    let cell = CellID(trusted: "a")
    func report(generation: UInt64, isConnected: Bool) {
      var lag = Aimstors_ProtoFollowerLag()
      lag.replica = "a-b"
      lag.connected = isConnected
      var report = Aimstors_ProtoReplicaReport()
      report.replica = "a\(generation)"
      report.generation = generation
      report.isPrimary = true
      report.followers = [lag]
      roster.heard(report, of: cell)
    }
    #expect(!roster.isFed("a-b", of: cell))
    report(generation: 1, isConnected: true)
    #expect(roster.isFed("a-b", of: cell))
    // The one of before feeds nobody any more.
    report(generation: 2, isConnected: false)
    #expect(!roster.isFed("a-b", of: cell))
    report(generation: 2, isConnected: true)
    #expect(roster.isFed("a-b", of: cell))
  }

  @Test func `one that runs the version unconfirmed is taken along, back to what it ran before`() {
    func unsettled(_ from: String, _ to: String) -> PlatformRows.UnsettledProcess {
      .init(replica: "a", cell: CellID(trusted: "a"), from: from, to: to)
    }
    #expect(UpgradeRule.from(runs: "1", to: "2", unsettled: nil) == "1")
    #expect(UpgradeRule.from(runs: "2", to: "2", unsettled: nil) == nil)
    #expect(UpgradeRule.from(runs: "2", to: "2", unsettled: unsettled("1", "2")) == "1")
    // A rollback that never came through.
    #expect(UpgradeRule.from(runs: "2", to: "2", unsettled: unsettled("2", "1")) == "1")
    #expect(UpgradeRule.from(runs: "1", to: "2", unsettled: unsettled("1", "2")) == "1")
  }

  @Test func `what fails, does not come, or ends again, halts`() {
    let failed = next(member(.asked), sight(.failed("no such file")))
    #expect(failed.state == .failed && failed.detail == "no such file")
    #expect(next(member(.asked), sight(.none), after: 200_000).state == .failed)
    var other = sight()
    other.startedAt = 8
    #expect(next(member(.watched), other, after: 1_000).state == .failed)
    // Not heard for a moment is not started again.
    other.startedAt = 0
    #expect(next(member(.watched), other, after: 1_000).state == .watched)
    other.isReady = false
    #expect(next(member(.watched), other, after: 200_000).state == .failed)
    var bad = sight()
    bad.counts = Counts(requests: 10, failed: 5)
    let risen = next(member(.watched), bad, after: 1_000)
    #expect(risen.state == .failed && risen.detail.contains("5 of 10"))
    #expect(
      next(
        member(.watched), bad, after: 1_000, everywhere: Counts(requests: 10, failed: 4)
      ).state == .watched)
  }

  @Test func `a problem that was not there halts, one that was does not`() {
    var sick = sight()
    sick.problems = ["disk_low"]
    var known = member(.watched)
    #expect(next(known, sick, after: 10_000).state == .watched)
    #expect(next(known, sick, after: 200_000).state == .failed)
    known.problems = "disk_low flush_failed"
    #expect(next(known, sick, after: 10_000).state == .confirming)
  }

  @Test func `waves go one after the other, followers before their cell`() {
    var members = [
      member(.planned, name: "a-b", wave: 0, isFollower: true), member(.planned, wave: 0),
      member(.planned, name: "c", cell: "c", wave: 0),
      member(.planned, name: "d", cell: "d", wave: 1),
    ]
    #expect(UpgradeRule.turn(members, isRollback: false).map(\.name) == ["a-b", "c"])
    members[0].state = .done
    #expect(UpgradeRule.turn(members, isRollback: false).map(\.name) == ["a", "c"])
    members[1].state = .done
    members[2].state = .watched
    #expect(UpgradeRule.turn(members, isRollback: false).map(\.name) == ["c"])
    members[2].state = .done
    #expect(UpgradeRule.turn(members, isRollback: false).map(\.name) == ["d"])
    // What failed is never passed by.
    members[2].state = .failed
    #expect(UpgradeRule.turn(members, isRollback: false).map(\.name) == [])
  }
}

@Suite("Format ceiling rule") struct FormatCeilingRuleTests {
  private func reader(_ name: String, _ level: UInt32?) -> FormatCeilingRule.Reader {
    .init(name: name, cell: CellID(trusted: "a"), version: "1", level: level)
  }

  private func raised(
    _ from: UInt32, _ to: UInt32?, _ levels: [UInt32?]
  ) -> Result<UInt32, Failure> {
    let readers = levels.enumerated().map { reader("r\($0.offset)", $0.element) }
    do throws(Failure) {
      return .success(try FormatCeilingRule.raised(from: from, to: to, readers))
    } catch {
      return .failure(error)
    }
  }

  @Test func `it rises to what all read, and no further`() throws {
    #expect(try raised(1, nil, [2, 3]).get() == 2)
    #expect(try raised(1, 2, [2, 3]).get() == 2)
    #expect(try raised(2, 1, [2, 3]).get() == 2)
    #expect(throws: Failure.self) { try raised(1, 3, [2, 3]).get() }
  }

  @Test func `one that may go back by itself holds it`() {
    var readers = [reader("a", 3), reader("a-b", 3)]
    func raise() throws(Failure) -> UInt32 {
      try FormatCeilingRule.raised(from: 1, to: nil, readers)
    }
    #expect((try? raise()) == 3)
    // The cell's own process is called otherwise since a promotion.
    let trial = PlatformRows.UnsettledProcess(
      replica: "a-c", cell: CellID(trusted: "a"), from: "1", to: "2")
    #expect(FormatCeilingRule.marked(readers, [trial], primaries: [:]) == readers)
    readers = FormatCeilingRule.marked(
      readers, [trial], primaries: [CellID(trusted: "a"): "a-c"])
    #expect(readers.map(\.isOnTrial) == [true, false])
    #expect(throws: Failure.self) { try raise() }
  }

  @Test func `a cell that says a ceiling which nobody reads is not believed`() {
    #expect(FormatCeilingRule.believed(3, reads: 4, others: [4, 5]) == 3)
    #expect(FormatCeilingRule.believed(.max, reads: 4, others: [4, 5]) == 4)
    #expect(FormatCeilingRule.believed(.max, reads: .max, others: [.max, 2]) == 2)
    #expect(FormatCeilingRule.believed(0, reads: 1, others: []) == 0)
  }

  @Test func `a silent follower holds it`() {
    #expect(throws: Failure.self) { try raised(1, nil, [2, nil]).get() }
    #expect(throws: Failure.self) { try raised(1, nil, []).get() }
  }

  @Test func `a cell that does not read it may not join`() {
    let request = JoinRule.Request(
      cell: CellID(trusted: "a"), region: RegionID(trusted: "eu"), address: "tcp://a:1",
      generation: .first, hasValidCredential: true, hasToken: false, readsLevel: 1)
    func code(_ ceiling: UInt32) -> FailureCode? {
      do {
        _ = try JoinRule.decide(
          request, token: nil, known: nil, ceiling: ceiling, at: Timestamp(seconds: 1))
        return nil
      } catch {
        return error.code
      }
    }
    #expect(code(1) == nil)
    #expect(code(2) == .formatCeiling)
  }
}
