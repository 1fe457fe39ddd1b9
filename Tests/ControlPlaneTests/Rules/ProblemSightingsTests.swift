import Testing
import Wire

@testable import ControlPlane

@Suite("Since when problems stand") struct ProblemSightingsTests {
  private let cell = CellID(trusted: "a")
  private let start = Timestamp(seconds: 1)

  private func problem(_ code: String, since: Int64, tenant: String? = nil) -> ReportedProblem {
    ReportedProblem(
      code: code, detail: "", since: Timestamp(seconds: since), runbook: "", cell: "a",
      tenant: tenant)
  }

  private func sight(
    alive: Bool = true, heard: Bool = true, state: CellState = .active, lastHeard: Int64 = 50,
    _ problems: ReportedProblem...
  ) -> CellRoster.Sight {
    var report = CellReport()
    report.diskFreeBytes = heard ? 1 : nil
    report.problems = problems
    return CellRoster.Sight(
      record: CellRecord(
        id: cell, region: RegionID(trusted: "eu"), address: "tcp://a:1", generation: .first,
        state: state, version: "test", joinedAt: start, mapVersion: 1),
      isAlive: alive, lastHeard: Timestamp(seconds: lastHeard), report: report)
  }

  private func look(_ sightings: inout ProblemSightings, _ sight: CellRoster.Sight)
    -> ProblemSightings.Changes
  {
    let changes = sightings.changes([sight], startedAt: start)
    sightings.apply(changes)
    return changes
  }

  @Test func `a problem keeps its beginning while it is reported with a later one`() {
    var sightings = ProblemSightings()
    let damaged = problem("journal_damaged", since: 10, tenant: "t")
    #expect(look(&sightings, sight(damaged)).began.values.map(\.seconds) == [10])
    let again = problem("journal_damaged", since: 99, tenant: "t")
    #expect(look(&sightings, sight(again)).isEmpty)
    #expect(sightings.began(again, of: cell) == Timestamp(seconds: 10))
    #expect(sightings.began(problem("disk_low", since: 99), of: cell) == Timestamp(seconds: 99))
  }

  @Test func `a problem that a living cell no longer reports is over`() {
    var sightings = ProblemSightings()
    _ = look(&sightings, sight(problem("disk_low", since: 10), problem("recovering", since: 11)))
    let changes = look(&sightings, sight(problem("recovering", since: 11)))
    #expect(changes.ended.map(\.code) == ["disk_low"])
    #expect(look(&sightings, sight()).ended.map(\.code) == ["recovering"])
    #expect(sightings.since.isEmpty)
  }

  @Test func `silence begins with the last heartbeat, and takes no other problem away`() {
    var sightings = ProblemSightings()
    _ = look(&sightings, sight(problem("disk_low", since: 10)))
    let silent = look(&sightings, sight(alive: false, lastHeard: 50))
    #expect(silent.began.values.map(\.seconds) == [50] && silent.ended.isEmpty)
    #expect(look(&sightings, sight(alive: false, lastHeard: 70)).isEmpty)
    #expect(sightings.silence(of: cell) == Timestamp(seconds: 50))
    // This process started again: the cell is expected, and not heard.
    #expect(look(&sightings, sight(heard: false)).isEmpty)
    let back = look(&sightings, sight(problem("disk_low", since: 80)))
    #expect(back.ended.map(\.code) == ["cell_unreachable"] && back.began.isEmpty)
    #expect(sightings.since.values.map(\.seconds) == [10])
  }

  @Test func `a retired cell has no problems`() {
    var sightings = ProblemSightings()
    _ = look(&sightings, sight(alive: false))
    #expect(look(&sightings, sight(alive: false, state: .retired)).ended.count == 1)
  }
}

extension Timestamp {
  fileprivate var seconds: Int64 { milliseconds / 1_000 }
}
