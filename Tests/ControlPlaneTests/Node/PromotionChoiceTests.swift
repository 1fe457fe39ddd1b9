import Messaging
import Simulation
import Testing
import Wire

@testable import ControlPlane

@Suite("Which follower is promoted") struct PromotionChoiceTests {
  private func third(_ pair: ReplicaPair) -> InMemoryMessenger {
    InMemoryMessenger(
      identity: PeerIdentity(role: .follower, id: "cell-1-c", generation: .first),
      network: pair.deployment.network)
  }

  @Test func `of those that have everything, one that answers`() async throws {
    let pair = try await ReplicaPair()
    let third = third(pair)
    _ = try await pair.change("add", version: 2, follower: "cell-1-c")
    pair.deployment.boot.advance(milliseconds: 60_000)
    _ = try await pair.report(third, "cell-1-c", isPrimary: false, isMixed: false)
    let answer = try await pair.promote()
    #expect(answer.status == 202, "\(answer.raw)")
    #expect(try answer.root()["result"]?["primary"]?.string == "cell-1-c")
    #expect(try answer.root()["result"]?["is_complete"]?.string == "true")
  }

  @Test func `no primary is fenced for one that does not answer, unless it is stopped anyway`()
    async throws
  {
    let pair = try await ReplicaPair()
    pair.deployment.boot.advance(milliseconds: 60_000)
    let refused = try await pair.promote(key: "one")
    #expect(try refused.code() == "cell_unavailable", "\(refused.raw)")
    let shown = try await pair.deployment.admin("GET", "/v1/cells/cell-1")
    #expect(try shown.root()["generation"]?.integer == 1)
    let stated = try await pair.promote(#"{"old_is_dead":true}"#, key: "two")
    #expect(stated.status == 202, "\(stated.raw)")
  }

  @Test func `one that came back with less than it had is promoted as incomplete only`()
    async throws
  {
    let pair = try await ReplicaPair()
    try await pair.says(40)
    // Its disk was exchanged.
    try await pair.says(0)
    let dry = try await pair.promote(#"{"dry_run":true}"#, key: "dry")
    #expect(dry.status == 409, "\(dry.raw)")
    for body in ["", #"{"old_is_dead":true}"#, #"{"replica":"cell-1-b"}"#] {
      let refused = try await pair.promote(body, key: "refused \(body)")
      #expect(refused.status == 409, "\(refused.raw)")
    }
    // Silent, it has no more than it said.
    pair.deployment.boot.advance(milliseconds: 60_000)
    let silent = try await pair.promote(#"{"old_is_dead":true}"#, key: "silent")
    #expect(silent.status == 409, "\(silent.raw)")
    try await pair.says(0)
    let last = try await pair.promote(
      #"{"replica":"cell-1-b","old_is_dead":true}"#, key: "last")
    #expect(last.status == 202, "\(last.raw)")
    #expect(try last.root()["result"]?["is_complete"]?.string == "false")
    let stop = try await pair.deployment.admin("GET", "/v1/send-stops/cell/cell-1")
    #expect(stop.status == 200)
  }

  @Test func `beside a control plane from a copy, a lost cell's follower answers for it`()
    async throws
  {
    let pair = try await ReplicaPair()
    try await pair.deployment.beginSurvey()
    // Two promotions that the copy does not know.
    _ = try await pair.report(
      pair.follower, "cell-1-b", isPrimary: false, isMixed: false, generation: 3)
    for body in ["", #"{"old_is_dead":true}"#, #"{"replica":"cell-1-b"}"#] {
      let refused = try await pair.promote(body, key: "refused \(body)")
      #expect(try refused.code() == "recovering", "\(refused.raw)")
    }
    let answer = try await pair.promote(
      #"{"replica":"cell-1-b","old_is_dead":true}"#, key: "named")
    #expect(answer.status == 202, "\(answer.raw)")
    #expect(try answer.root()["result"]?["generation"]?.string == "4")
    #expect(try answer.root()["result"]?["is_complete"]?.string == "false")
  }

  @Test func `no generation is issued that the archive has seen, and a dry run says the same`()
    async throws
  {
    let pair = try await ReplicaPair()
    try await pair.deployment.beginSurvey(archived: [CellID(trusted: "cell-1"): Generation(5)])
    let unnamed = try await pair.promote(#"{"dry_run":true}"#, key: "unnamed")
    #expect(try unnamed.code() == "recovering", "\(unnamed.raw)")
    for isDry in [true, false] {
      let answer = try await pair.promote(
        #"{"replica":"cell-1-b","old_is_dead":true,"dry_run":\#(isDry)}"#, key: "dry \(isDry)")
      #expect(answer.status == 202, "\(answer.raw)")
      #expect(try answer.root()["result"]?["generation"]?.string == "6")
    }
  }

  @Test func `nor is one that the primary has seen there`() async throws {
    let pair = try await ReplicaPair()
    func says(_ replica: String, _ claimed: UInt64, isPrimary: Bool) async throws {
      try await pair.report(
        isPrimary ? pair.cell.messenger : pair.follower, replica, isPrimary: isPrimary,
        isMixed: false, claimed: claimed)
    }
    // Only the primary's word counts, and the end is no generation that anything follows.
    try await says("cell-1-b", 8, isPrimary: false)
    try await says("cell-1", Generation.ended.rawValue, isPrimary: true)
    try await says("cell-1", 5, isPrimary: true)
    try await says("cell-1", 3, isPrimary: true)
    let answer = try await pair.promote()
    #expect(answer.status == 202, "\(answer.raw)")
    #expect(try answer.root()["result"]?["generation"]?.string == "6")
  }

  @Test func `nor is it after the survey`() async throws {
    let pair = try await ReplicaPair()
    try await pair.deployment.beginSurvey(archived: [CellID(trusted: "cell-1"): Generation(5)])
    try await pair.deployment.node.services.store.write(trace: "") { _, rows in
      try rows.endSurvey()
    }
    _ = try await pair.change("add", version: 3)
    let answer = try await pair.promote()
    #expect(answer.status == 202, "\(answer.raw)")
    #expect(try answer.root()["result"]?["generation"]?.string == "6")
    #expect(try answer.root()["result"]?["is_complete"]?.string == "true")
  }

  @Test func `one that was away, and comes back with less than it had, is not made the primary`()
    async throws
  {
    let pair = try await ReplicaPair()
    try await pair.says(40)
    pair.deployment.boot.advance(milliseconds: 60_000)
    let begun = try await pair.promote(#"{"old_is_dead":true}"#, key: "away")
    #expect(try begun.root()["result"]?["is_complete"]?.string == "true", "\(begun.raw)")
    // What it said before it went away counts for nothing.
    await pair.deployment.node.promote()
    #expect(pair.told.all.isEmpty)
    try await pair.says(0)
    await pair.deployment.node.promote()
    #expect(pair.told.all.isEmpty)
    let failed = try await pair.deployment.admin(
      "GET", "/v1/operations/\(try begun.text("id"))")
    #expect(try failed.text("state") == "failed", "\(failed.raw)")
    #expect(try failed.root()["error"]?["code"]?.string == "invalid_state")
    #expect(try failed.root()["result"]?["is_complete"]?.string == "false")
    // As one that lacks it, and only where that is stated.
    for body in ["", #"{"old_is_dead":true}"#, #"{"replica":"cell-1-b"}"#] {
      let refused = try await pair.promote(body, key: "refused \(body)")
      #expect(refused.status == 409, "\(refused.raw)")
    }
    let last = try await pair.promote(
      #"{"replica":"cell-1-b","old_is_dead":true}"#, key: "last")
    #expect(last.status == 202, "\(last.raw)")
    #expect(try last.root()["result"]?["is_complete"]?.string == "false")
    await pair.deployment.node.promote()
    #expect(pair.told.all == [3])
  }

  @Test(arguments: [UInt64(40), 41])
  func `one that was away, and comes back with what it had, becomes the primary`(
    seq: UInt64
  ) async throws {
    let pair = try await ReplicaPair()
    try await pair.says(40)
    pair.deployment.boot.advance(milliseconds: 60_000)
    let begun = try await pair.promote(#"{"old_is_dead":true}"#)
    #expect(begun.status == 202, "\(begun.raw)")
    try await pair.says(seq)
    await pair.deployment.node.promote()
    #expect(pair.told.all == [2])
  }

  @Test(arguments: zip([UInt64(0), 3], ["failed", "running"]))
  func `one that this process has not heard has had something, too`(
    seq: UInt64, state: String
  ) async throws {
    var pair = try await ReplicaPair()
    try await pair.says(40)
    try await pair.deployment.restart()
    let begun = try await pair.promote(#"{"old_is_dead":true}"#)
    #expect(begun.status == 202, "\(begun.raw)")
    try await pair.says(seq)
    await pair.deployment.node.promote()
    let shown = try await pair.deployment.admin(
      "GET", "/v1/operations/\(try begun.text("id"))")
    #expect(try shown.text("state") == state, "\(shown.raw)")
  }

  @Test(arguments: zip([UInt64(39), 40], ["failed", "running"]))
  func `what one has reached is known after a restart, before it reports`(
    seq: UInt64, state: String
  ) async throws {
    var pair = try await ReplicaPair()
    try await pair.says(40)
    await pair.deployment.node.keepReached()
    try await pair.deployment.restart()
    let begun = try await pair.promote(#"{"old_is_dead":true}"#)
    #expect(try begun.root()["result"]?["is_complete"]?.string == "true", "\(begun.raw)")
    // Everything went down, and it came back on an image of its disk.
    try await pair.says(seq)
    await pair.deployment.node.promote()
    let shown = try await pair.deployment.admin(
      "GET", "/v1/operations/\(try begun.text("id"))")
    #expect(try shown.text("state") == state, "\(shown.raw)")
    #expect(pair.told.all == (state == "running" ? [2] : []))
  }

  @Test func `one that reports an older disk after a restart is promoted as incomplete only`()
    async throws
  {
    var pair = try await ReplicaPair()
    try await pair.says(40)
    await pair.deployment.node.keepReached()
    try await pair.says(39)
    await pair.deployment.node.keepReached()
    try await pair.deployment.restart()
    try await pair.says(39)
    for isDry in [true, false] {
      let refused = try await pair.promote(
        #"{"old_is_dead":true,"dry_run":\#(isDry)}"#, key: "older \(isDry)")
      #expect(refused.status == 409, "\(refused.raw)")
    }
  }

  @Test func `what one had reached is forgotten with its name in the register`() async throws {
    var pair = try await ReplicaPair()
    func kept(_ pair: ReplicaPair) async throws -> [String: UInt64]? {
      await pair.deployment.node.keepReached()
      return try await pair.deployment.node.services.store.read { try $0.reached() }[
        CellID(trusted: "cell-1")]
    }
    try await pair.says(40)
    #expect(try await kept(pair) == ["cell-1-b": 40])
    _ = try await pair.change("degrade", version: 2)
    #expect(try await kept(pair) == nil)
    try await pair.says(10)
    _ = try await pair.change("add", version: 3)
    try await pair.says(12)
    #expect(try await kept(pair) == ["cell-1-b": 12])
    try await pair.deployment.restart()
    try await pair.says(12)
    let answer = try await pair.promote()
    #expect(try answer.root()["result"]?["is_complete"]?.string == "true", "\(answer.raw)")
    #expect(try await kept(pair) == nil)
  }

  @Test func `nobody is promoted while a process claims the journal for a restore`() async throws {
    let pair = try await ReplicaPair(isPromotable: false)
    let last = #"{"replica":"cell-1-b","old_is_dead":true"#
    func hasNothing() async throws {
      _ = try await pair.report(pair.cell.messenger, "cell-1", isPrimary: false, isMixed: false)
    }
    pair.cell.change { $0.acceptsTakeover = true }
    try await hasNothing()
    let restore = try await pair.deployment.admin(
      "POST", "/v1/cells/cell-1/restore", #"{"old_is_dead":true}"#, key: "restore")
    #expect(restore.status == 202, "\(restore.raw)")
    for isDry in [true, false] {
      let refused = try await pair.promote(
        last + #","dry_run":\#(isDry)}"#, key: "claiming \(isDry)")
      #expect(try refused.code() == "conflict", "\(refused.raw)")
    }
    // It died before it was told; the follower is in its place, also once it is back.
    pair.deployment.boot.advance(milliseconds: 60_000)
    try await pair.says(40)
    let answer = try await pair.promote(last + "}", key: "silent")
    #expect(try answer.root()["result"]?["generation"]?.string == "3", "\(answer.raw)")
    try await hasNothing()
    await pair.deployment.node.work()
    #expect(pair.cell.seen.takeovers.isEmpty)
    let passed = try await pair.deployment.admin(
      "GET", "/v1/operations/\(try restore.text("id"))")
    #expect(try passed.text("state") == "failed", "\(passed.raw)")
    #expect(try passed.root()["error"]?["code"]?.string == "conflict")
  }

  @Test func `one that has caught up again, or was cut while nobody named it, has gone nowhere`()
    async throws
  {
    let pair = try await ReplicaPair()
    try await pair.says(40)
    try await pair.says(39)
    try await pair.says(41)
    let dry = try await pair.promote(#"{"dry_run":true}"#, key: "dry")
    #expect(dry.status == 202, "\(dry.raw)")
    _ = try await pair.change("degrade", version: 2)
    try await pair.says(10)
    _ = try await pair.change("add", version: 3)
    try await pair.says(12)
    let answer = try await pair.promote(key: "after")
    #expect(answer.status == 202, "\(answer.raw)")
    #expect(try answer.root()["result"]?["is_complete"]?.string == "true")
  }
}
