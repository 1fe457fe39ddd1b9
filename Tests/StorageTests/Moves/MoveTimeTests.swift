import Testing
import Wire

@testable import Storage

/// A tenant's time on its way between cells whose clocks differ.
@Suite("A tenant's time in a move") struct MoveTimeTests {
  private let moves = EngineMoveTests()

  @Test func `a target whose clock stands behind the source's does not take it back`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let tenant = EngineMoveTests.tenant
      let pair = try await EngineMoveTests.Pair(directory)
      try await pair.a.pay(1)
      let fence = try await moves.makeReady(from: pair.a, to: pair.b)
      // Only here: the last record that the target has is older than the release.
      pair.a.clock.advance(milliseconds: 3_600_000)
      let release = try await pair.a.engine.releaseMove(
        tenant, to: EngineMoveTests.Pair.second, under: EngineMoveTests.epoch, ready: fence.hash
      ) { true }
      let adopted = try await pair.b.engine.adoptMoved(tenant, release)
      #expect(adopted.time >= release.time)
      try await pair.b.pay(2)
      let paid = try #require(pair.b.engine.heads[tenant])
      #expect(paid.time >= release.time)
      await pair.close()
    }
  }
}
