import Testing
import Wire

@testable import Storage

/// A source of moves that was promoted: it goes on from a copy of its journal.
@Suite("A move out of a promoted cell") struct PromotedSourceTests {
  private let moves = EngineMoveTests()

  @Test func `a promoted copy settles what it was given, and burns what it began itself`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      func start(_ generation: Generation) async throws -> TestEngine {
        try await TestEngine("\(directory)/a") {
          $0.cell = EngineMoveTests.Pair.first
          $0.generation = generation
          $0.oldestGeneration = .first
          $0.settlesMoves = generation > .first
        }
      }
      var a = try await start(.first)
      try await a.engine.create(EngineMoveTests.tenant, epoch: .first)
      try await a.engine.beginMove(
        EngineMoveTests.tenant, to: EngineMoveTests.Pair.second, under: EngineMoveTests.epoch)
      await a.engine.abandon()
      // Promoted, and started again before anything was settled.
      for _ in 0..<2 {
        a = try await start(Generation(2))
        await moves.expectAway(a)
        await a.engine.abandon()
      }
      a = try await start(Generation(2))
      a.engine.resumeMoving(EngineMoveTests.tenant)
      try await a.engine.burnMove(EngineMoveTests.tenant, under: EngineMoveTests.epoch)
      try await a.pay(1)
      try await a.engine.beginMove(
        EngineMoveTests.tenant, to: EngineMoveTests.Pair.second, under: Epoch(3))
      await a.engine.abandon()
      a = try await start(Generation(2))
      #expect(a.engine.serves(EngineMoveTests.tenant))
      try await a.pay(2)
      try await a.engine.burnMove(EngineMoveTests.tenant, under: Epoch(3))
      await a.close()
    }
  }
}
