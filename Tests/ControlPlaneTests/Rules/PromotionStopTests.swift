import Testing
import Wire

@testable import ControlPlane

@Suite("A promotion's stop") struct PromotionStopTests {
  private let cell = CellID(trusted: "cell-1")
  private let t = Timestamp(seconds: 100)
  private let later = Timestamp(seconds: 200)
  private let own = PromotionStop(
    promotion: OperationID(trusted: "op_1"), generation: Generation(2))

  private func stop(
    _ reason: String, since: Timestamp, version: UInt64 = 1, lifted: Bool = false
  ) -> SendStop {
    SendStop(
      scope: .cell, id: "cell-1", reason: reason, since: since, version: version, isLifted: lifted)
  }

  private func written(_ decision: SendStopRule.Decision) throws -> SendStop {
    guard case .write(let stop) = decision else { throw Failure(.internalError, "unchanged") }
    return stop
  }

  @Test(arguments: [
    "abuse", ": ", "; released as op_2", "; behind it an operator's stop since never: x",
    "\u{301}x", "promoted",
  ])
  func `its reason says all that there is to know of it`(_ reason: String) throws {
    #expect(PromotionStop(reason: own.reason) == own)
    var held = own
    held.behind = PromotionStop.Behind(since: later, reason: reason)
    let read = try #require(PromotionStop(reason: held.reason))
    #expect(read.promotion == held.promotion && read.generation == held.generation)
    #expect(read.behind?.since == later)
    #expect(read.behind.map { Array($0.reason.utf8) } == Array(reason.utf8))
    // Nor does anybody else say it.
    #expect(PromotionStop(reason: reason) == nil)
    #expect(PromotionStop(stop(held.reason, since: t, lifted: true)) == nil)
  }

  @Test func `what stood before it stands again when it is released`() throws {
    let abuse = stop("abuse", since: t)
    let put = try written(own.put(over: abuse, of: cell, at: later, version: 2))
    #expect(put.since == later)
    let standing = try #require(PromotionStop(put))
    let released = try written(try standing.released(put, version: 3))
    #expect(released == stop("abuse", since: t, version: 3))
  }

  @Test func `it goes on over a later promotion, and a lifted one does not`() throws {
    let abuse = stop("abuse", since: t)
    let first = try written(own.put(over: abuse, of: cell, at: later, version: 2))
    let second = PromotionStop(
      promotion: OperationID(trusted: "op_2"), generation: Generation(3))
    let put = try written(second.put(over: first, of: cell, at: later, version: 3))
    let standing = try #require(PromotionStop(put))
    #expect(standing.promotion == second.promotion)
    #expect(standing.behind == PromotionStop.Behind(since: t, reason: "abuse"))
    let gone = stop("abuse", since: t, lifted: true)
    let alone = try written(second.put(over: gone, of: cell, at: later, version: 3))
    #expect(PromotionStop(alone)?.behind == nil)
    let released = try second.released(alone, version: 4)
    #expect(try written(released).isLifted)
  }

  @Test func `an operator's stop comes behind it and goes, and it stays as it was`() throws {
    let put = try written(own.put(over: nil, of: cell, at: t, version: 1))
    let held = try written(own.holding("abuse", put, at: later, version: 2))
    #expect(held.since == t)
    let both = try #require(PromotionStop(held))
    #expect(both.holding("abuse", held, at: later, version: 3) == .unchanged(held))
    let without = try written(try both.withoutOperators(held, version: 3))
    #expect(without.reason == put.reason && without.since == t && !without.isLifted)
    #expect(throws: Failure.self) { try own.withoutOperators(put, version: 4) }
  }

  @Test func `it alone does not keep a lost cell from being spread`() throws {
    let put = try written(own.put(over: nil, of: cell, at: t, version: 1))
    try PromotionStop.demandSpreadable(from: put)
    try PromotionStop.demandSpreadable(from: nil)
    let held = try written(own.holding("abuse", put, at: later, version: 2))
    for stop in [held, stop("abuse", since: t)] {
      #expect(throws: Failure.self) { try PromotionStop.demandSpreadable(from: stop) }
    }
    // Alive, its tenants would send elsewhere.
    #expect(throws: Failure.self) { try SendStopRule.demandMovable(from: put) }
  }
}
