import Platform
import Testing
import Wire

@testable import Storage

/// A tenant on its way to a cell that has a follower, on real files.
@Suite("A move to a cell with a follower") struct FollowedMoveTests {
  private let moves = EngineMoveTests()
  private static let tenant = TestEngine.tenant
  private static let epoch = EngineMoveTests.epoch

  /// Two cells, the tenant on the first, and the second's follower.
  private struct Three {
    let pair: EngineMoveTests.Pair
    var follower: TestEngine
    private var directory: String { "\(pair.directory)/f" }

    init(_ directory: String) async throws {
      pair = try await EngineMoveTests.Pair(directory)
      follower = try await Self.follower("\(directory)/f")
    }

    private static func follower(
      _ directory: String, promotedTo generation: Generation? = nil
    ) async throws -> TestEngine {
      try await TestEngine(directory) { configuration in
        configuration.cell = EngineMoveTests.Pair.second
        configuration.isFollowing = generation == nil
        configuration.generation = generation ?? .first
        configuration.oldestGeneration = .first
        configuration.settlesMoves = generation != nil
      }
    }

    mutating func restartFollower() async throws {
      await follower.engine.abandon()
      follower = try await Self.follower(directory)
    }

    /// The follower is the second cell from here on.
    mutating func promote() async throws {
      await pair.b.engine.abandon()
      await follower.close()
      follower = try await Self.follower(directory, promotedTo: Generation(2))
    }

    /// The follower gets everything that its primary has, and applies it.
    func feed() async throws { try await follower.follow(pair.b) }

    func expectEqual() async throws {
      let its = try await follower.engine.digest(tenant, recompute: true).files
      let others = try await pair.b.engine.digest(tenant, recompute: true).files
      #expect(its == others)
      #expect(!its.isEmpty)
    }

    func close() async {
      await follower.close()
      await pair.close()
    }
  }

  /// As the primary passes it on: files, checked, before its own record.
  private func importFiles(
    _ three: Three, under epoch: Epoch = epoch, passesOn: Bool = true
  ) async throws {
    let (source, target, follower) = (
      three.pair.a.engine, three.pair.b.engine, three.follower.engine
    )
    try await source.beginMove(Self.tenant, to: EngineMoveTests.Pair.second, under: epoch)
    try target.prepareImport(Self.tenant, under: epoch)
    let place = target.importDirectory(Self.tenant, under: epoch)
    let snapshot = try await source.snapshot(Self.tenant, into: place)
    let head = snapshot.head
    let arrival = MoveImport(
      tenant: Self.tenant, lineage: head.lineage, epoch: epoch,
      source: EngineMoveTests.Pair.first, tenantSeq: head.tenantSeq, hash: head.hash,
      time: head.time, schemaVersion: head.schemaVersion, nextDue: head.nextDue)
    let files = LiveFileSystem()
    if passesOn {
      try follower.prepareFollowed(Self.tenant, under: epoch)
      for file in snapshot.files {
        let bytes = try FileTree.bytes("\(place)/\(file.name)", files)
        try FileTree.write(
          bytes, to: "\(follower.importDirectory(Self.tenant, under: epoch))/\(file.name)", files)
      }
    }
    try await target.beginImport(arrival) { () async throws(Failure) in
      guard passesOn else { return }
      let settled = try await follower.settleImport(arrival)
      #expect(settled.count == snapshot.files.count)
    }
  }

  /// Everything up to the target's readiness; the follower has the journal.
  private func makeReady(_ three: Three, passesOn: Bool = true) async throws -> MoveFence {
    try await importFiles(three, passesOn: passesOn)
    try await three.pair.a.pay(100)
    let fence = try await three.pair.a.engine.fence(Self.tenant, within: 60_000_000_000)
    try await moves.stream(from: three.pair.a, to: three.pair.b)
    try await three.pair.b.engine.readyForMove(Self.tenant, under: Self.epoch, fence)
    try await three.feed()
    return fence
  }

  private func release(_ three: Three, _ fence: MoveFence) async throws -> MoveRelease {
    try await three.pair.a.engine.releaseMove(
      Self.tenant, to: EngineMoveTests.Pair.second, under: Self.epoch, ready: fence.hash
    ) { true }
  }

  private func standing(_ three: Three, under epoch: Epoch = epoch) -> String {
    three.follower.engine.followedImport(Self.tenant, under: epoch).rawValue
  }

  @Test func `what was copied is at the follower, and what follows too`() async throws {
    try await withTemporaryDirectory { directory in
      var three = try await Three(directory)
      for id in 1...5 { try await three.pair.a.pay(Int64(id)) }
      try await importFiles(three)
      #expect(standing(three) == "waiting")
      try await three.feed()
      #expect(standing(three) == "placed")
      for id in 6...9 { try await three.pair.a.pay(Int64(id)) }
      let fence = try await three.pair.a.engine.fence(Self.tenant, within: 60_000_000_000)
      try await moves.stream(from: three.pair.a, to: three.pair.b)
      try await three.pair.b.engine.readyForMove(Self.tenant, under: Self.epoch, fence)
      _ = try await three.pair.b.engine.adoptMoved(Self.tenant, try await release(three, fence))
      try await three.pair.b.pay(10)
      try await three.feed()
      try await three.expectEqual()
      // Also from what is on its disk.
      try await three.restartFollower()
      try await three.expectEqual()
      try await three.promote()
      try await moves.expectServed(three.follower, [10, 10], epoch: Self.epoch)
      await three.follower.close()
      await three.pair.a.close()
    }
  }

  @Test func `killed before the record came, it has lost the files, and says so`() async throws {
    try await withTemporaryDirectory { directory in
      var three = try await Three(directory)
      try await three.pair.a.pay(1)
      try await importFiles(three)
      try await three.restartFollower()
      try await three.feed()
      #expect(standing(three) == "missing")
      #expect(three.follower.engine.stoppedTenants.keys.contains(Self.tenant))
      // A restart does not make them.
      try await three.restartFollower()
      #expect(standing(three) == "missing")
      // The move ends, and nothing is left of it.
      try await three.pair.b.engine.refuseMoved(Self.tenant, under: Self.epoch)
      try await three.feed()
      #expect(three.follower.engine.stoppedTenants.isEmpty)
      #expect(three.follower.engine.heads[Self.tenant]?.ownership == .refused)
      await three.close()
    }
  }

  @Test func `killed after it, it puts them in their place at its start`() async throws {
    try await withTemporaryDirectory { directory in
      var three = try await Three(directory)
      for id in 1...5 { try await three.pair.a.pay(Int64(id)) }
      try await importFiles(three)
      try await three.feed()
      try await three.restartFollower()
      #expect(standing(three) == "placed")
      try await three.pair.a.pay(6)
      try await moves.stream(from: three.pair.a, to: three.pair.b)
      try await three.feed()
      #expect(standing(three) == "placed")
      #expect(three.follower.engine.stoppedTenants.isEmpty)
      await three.close()
    }
  }

  @Test func `an older copy of the tenant is not taken for what came`() async throws {
    try await withTemporaryDirectory { directory in
      var three = try await Three(directory)
      for id in 1...5 { try await three.pair.a.pay(Int64(id)) }
      let fence = try await makeReady(three)
      _ = try await three.pair.b.engine.adoptMoved(Self.tenant, try await release(three, fence))
      // Back to the first cell, and written there.
      let (a, b) = (three.pair.a, three.pair.b)
      let back = try await moves.makeReady(
        from: b, to: a, under: Epoch(3), source: EngineMoveTests.Pair.second,
        target: EngineMoveTests.Pair.first)
      let release = try await b.engine.releaseMove(
        Self.tenant, to: EngineMoveTests.Pair.first, under: Epoch(3), ready: back.hash
      ) { true }
      _ = try await a.engine.adoptMoved(Self.tenant, release)
      try await a.pay(200)
      try await three.feed()
      // And here again, with a follower that was given nothing but has what was here before.
      try await importFiles(three, under: Epoch(4), passesOn: false)
      try await three.feed()
      #expect(standing(three, under: Epoch(4)) == "missing")
      try await three.restartFollower()
      #expect(standing(three, under: Epoch(4)) == "missing")
      await three.close()
    }
  }

  @Test func `promoted before it was ready, the move ends at the source`() async throws {
    try await withTemporaryDirectory { directory in
      var three = try await Three(directory)
      try await three.pair.a.pay(1)
      try await importFiles(three)
      try await three.feed()
      try await three.promote()
      let engine = three.follower.engine
      #expect(engine.arriving.map(\.head.ownership) == [.importing])
      try await engine.refuseMoved(Self.tenant, under: Self.epoch)
      // What comes late of the same move finds nobody.
      let code = await refusal {
        try await engine.readyForMove(
          Self.tenant, under: Self.epoch,
          MoveFence(tenantSeq: .zero, hash: .zero, digests: [:]))
      }
      #expect(code == .notFound)
      try await three.pair.a.engine.burnMove(Self.tenant, under: Self.epoch)
      try await three.pair.a.pay(2)
      try await moves.expectServed(three.pair.a, [2, 2], epoch: .first)
      await three.follower.close()
      await three.pair.a.close()
    }
  }

  @Test func `promoted once it was ready, it adopts what the source has released`() async throws {
    try await withTemporaryDirectory { directory in
      var three = try await Three(directory)
      for id in 1...3 { try await three.pair.a.pay(Int64(id)) }
      let fence = try await makeReady(three)
      let release = try await release(three, fence)
      try await three.promote()
      #expect(three.follower.engine.arriving.map(\.head.ownership) == [.ready])
      await moves.expectAway(three.follower)
      _ = try await three.follower.engine.adoptMoved(Self.tenant, release)
      try await three.follower.pay(4)
      try await moves.expectServed(three.follower, [5, 5], epoch: Self.epoch)
      await three.follower.close()
      await three.pair.a.close()
    }
  }
}
