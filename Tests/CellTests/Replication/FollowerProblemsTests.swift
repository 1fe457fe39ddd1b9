import Platform
import Storage
import Testing
import Wire

@testable import Cell

@Suite("What is said of followers") struct FollowerProblemsTests {
  private let now = Timestamp(milliseconds: 9_000)
  private let before = Timestamp(milliseconds: 4_000)

  private func found(
    _ modes: DurabilityModes, asked: Set<String>, missing: [String: Timestamp] = [:]
  ) -> [String] {
    FollowerProblems.found(fed: ["a", "b"], asked: asked, missing: missing, modes, at: now).map {
      "\($0.code) \($0.detail) \($0.since.milliseconds)"
    }
  }

  @Test func `a cell that is acknowledged without one says so`() {
    let modes = DurabilityModes(cell: .follower)
    #expect(found(modes, asked: ["a", "b"]).isEmpty)
    #expect(
      found(modes, asked: ["a"], missing: ["b": before]) == [
        "follower_missing follower b is not fed 4000",
        "replication_degraded acknowledged without follower b 4000",
      ])
    #expect(
      found(modes, asked: ["b"]) == ["replication_degraded acknowledged without follower a 9000"])
  }

  @Test func `where nobody waits for followers, only a missing one is worth a word`() {
    let modes = DurabilityModes(cell: .local)
    #expect(found(modes, asked: []).isEmpty)
    #expect(
      found(modes, asked: [], missing: ["a": before]) == [
        "follower_missing follower a is not fed 4000"
      ])
    modes.set(.follower, for: TenantID(trusted: "t"))
    #expect(found(modes, asked: []).count == 2)
  }

  @Test func `a cell without followers names those who ask for one, not all of many`() throws {
    let modes = DurabilityModes(cell: .local)
    #expect(FollowerProblems.unkept(modes, at: now).isEmpty)
    for number in 0...ReplicationLimits.namedTenants {
      modes.set(.follower, for: TenantID(trusted: "t-\(number)"))
    }
    let problems = FollowerProblems.unkept(modes, at: now)
    let problem = try #require(problems.first)
    #expect(problems.count == 1)
    #expect(problem.code == "replication_degraded")
    #expect(problem.detail.hasPrefix("\(ReplicationLimits.namedTenants + 1) tenants"))
    #expect(
      problem.detail.split(separator: "t-").count == ReplicationLimits.namedTenants + 1)
    // A cell that waits for followers as a whole has none of its own to name.
    #expect(FollowerProblems.unkept(DurabilityModes(cell: .follower), at: now).isEmpty)
  }
}
