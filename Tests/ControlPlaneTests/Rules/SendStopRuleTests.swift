import Testing
import Wire

@testable import ControlPlane

@Suite("Send-stop rule") struct SendStopRuleTests {
  private let t = Timestamp(seconds: 100)
  private let later = Timestamp(seconds: 200)

  private func stop(_ reason: String, since: Timestamp, version: UInt64, lifted: Bool = false)
    -> SendStop
  {
    SendStop(
      scope: .tenant, id: "ta", reason: reason, since: since, version: version, isLifted: lifted)
  }

  @Test func `a stop stands from when it was put; the same again changes nothing`() {
    let put = SendStopRule.put(.tenant, "ta", reason: "abuse", at: t, current: nil, version: 1)
    #expect(put == .write(stop("abuse", since: t, version: 1)))
    let standing = stop("abuse", since: t, version: 1)
    #expect(
      SendStopRule.put(.tenant, "ta", reason: "abuse", at: later, current: standing, version: 2)
        == .unchanged(standing))
  }

  @Test func `a new reason keeps since, a stop after a lift does not`() {
    let standing = stop("abuse", since: t, version: 1)
    #expect(
      SendStopRule.put(.tenant, "ta", reason: "fraud", at: later, current: standing, version: 2)
        == .write(stop("fraud", since: t, version: 2)))
    let lifted = stop("abuse", since: t, version: 2, lifted: true)
    #expect(
      SendStopRule.put(.tenant, "ta", reason: "abuse", at: later, current: lifted, version: 3)
        == .write(stop("abuse", since: later, version: 3)))
  }

  @Test func `no tenant leaves a cell whose own stop stands`() throws {
    #expect(throws: Failure.self) {
      try SendStopRule.demandMovable(from: stop("promoted", since: t, version: 1))
    }
    try SendStopRule.demandMovable(from: stop("promoted", since: t, version: 2, lifted: true))
    try SendStopRule.demandMovable(from: nil)
  }

  @Test func `lifting keeps a tombstone with a higher version, twice the same`() throws {
    let standing = stop("abuse", since: t, version: 1)
    let lifted = stop("abuse", since: t, version: 2, lifted: true)
    #expect(try SendStopRule.lift(current: standing, version: 2) == .write(lifted))
    #expect(try SendStopRule.lift(current: lifted, version: 3) == .unchanged(lifted))
    #expect(throws: Failure.self) { try SendStopRule.lift(current: nil, version: 1) }
  }
}
