import Foundation
import Testing

@Suite("A move, state by state") struct MoveModelTests {
  typealias Rule = MoveModel.Rule

  private static let isLong = ProcessInfo.processInfo.environment["AIMSTORS_LONG_TESTS"] != nil

  private func expectSafe(_ model: MoveModel) {
    let result = model.explore()
    #expect(result.violation == nil, "\(result.trace)")
    #expect(result.isComplete)
    #expect(result.states > 5_000)
  }

  @Test func `with all rules there is one owner, nothing is lost, nobody is left behind`() {
    expectSafe(MoveModel(writes: 1))
  }

  @Test func `nor through a promotion with more commands`() {
    expectSafe(MoveModel(writes: 2, crashes: 0))
  }

  @Test func `nor where machines are lost and a third cell takes over`() {
    expectSafe(MoveModel(writes: 1, crashes: 0, mayLoseTarget: true, mayRecover: true))
  }

  @Test func `nor where the target's follower takes over in the middle`() {
    expectSafe(MoveModel(writes: 2, crashes: 1, mayPromote: false, mayPromoteTarget: true))
    expectSafe(MoveModel(writes: 1, crashes: 0, mayPromoteTarget: true))
  }

  /// Bounds that take minutes.
  struct Bounds: Sendable {
    var writes: Int
    var crashes: Int
    var mayPromote = true
    var machines = false
    var promotesTarget = false

    static let all = [
      Bounds(writes: 3, crashes: 2, mayPromote: false), Bounds(writes: 3, crashes: 1),
      Bounds(writes: 2, crashes: 2), Bounds(writes: 1, crashes: 1, machines: true),
      Bounds(writes: 1, crashes: 1, promotesTarget: true),
      Bounds(writes: 3, crashes: 1, mayPromote: false, promotesTarget: true),
    ]
  }

  @Test(.enabled(if: isLong), arguments: Bounds.all)
  func `nor in larger bounds`(bounds: Bounds) {
    expectSafe(
      MoveModel(
        writes: bounds.writes, crashes: bounds.crashes, mayPromote: bounds.mayPromote,
        mayLoseTarget: bounds.machines, mayPromoteTarget: bounds.promotesTarget,
        mayRecover: bounds.machines))
  }

  /// What is dropped, and what that costs.
  struct Case: Sendable, CustomTestStringConvertible {
    let dropped: [Rule]
    let violation: MoveModel.Violation
    var writes = 1
    var crashes = 1
    var machines = false
    var promotesTarget = false

    var model: MoveModel {
      MoveModel(
        dropped: Set(dropped), writes: writes, crashes: crashes, mayPromote: !promotesTarget,
        mayLoseTarget: machines, mayPromoteTarget: promotesTarget, mayRecover: machines)
    }
    var testDescription: String { dropped.map { "\($0)" }.joined(separator: ", ") }
  }

  private static let two = MoveModel.Violation.twoOwners("follower, target")

  private static let alone: [Case] = [
    Case(dropped: [.releaseIsAcknowledged], violation: two),
    Case(dropped: [.answersAfterComparing], violation: two),
    // The epoch is used again, and nobody can say which of two moves the target took part in.
    Case(dropped: [.beginIsRecorded], violation: .ownerless),
    Case(dropped: [.streamIsAcknowledged], violation: .ownerless),
    Case(
      dropped: [.refusalIsArchived], violation: .twoOwners("target, third"), crashes: 0,
      machines: true),
    Case(dropped: [.capBeforeAppend], violation: .twoOwners("source, target")),
    Case(
      dropped: [.fencedBeforeRefusal], violation: .twoOwners("source, third"), crashes: 0,
      machines: true),
    Case(dropped: [.filesBeforeReady], violation: .ownerless, promotesTarget: true),
    Case(dropped: [.readyIsAcknowledged], violation: .ownerless, promotesTarget: true),
    Case(dropped: [.targetIsAcknowledged], violation: .lost(at: "target"), promotesTarget: true),
  ]

  /// Rules that stand in for each other: each alone is enough, none is not.
  private static let together: [Case] = [
    Case(dropped: [.archiveIsAcknowledged, .promotedAsksTarget], violation: two),
    Case(
      dropped: [.beginIsRecorded, .readyNamesHash, .streamIsAcknowledged],
      violation: .lost(at: "target"), writes: 2),
    Case(
      dropped: [.readyNamesHash, .streamIsAcknowledged], violation: .lost(at: "target"), writes: 2),
    Case(dropped: [.beginIsRecorded, .streamIsAcknowledged], violation: .ownerless),
    Case(dropped: [.beginIsRecorded, .readyNamesHash], violation: .ownerless),
    Case(dropped: [.releaseIsAcknowledged, .promotedAsksTarget], violation: two),
    Case(dropped: [.answersAfterComparing, .releaseIsAcknowledged], violation: two),
    Case(
      dropped: [.answersAfterComparing, .releaseIsAcknowledged, .promotedAsksTarget],
      violation: two),
  ]

  @Test(arguments: alone + together)
  func `what is dropped is missed`(dropped: Case) {
    let result = dropped.model.explore()
    #expect(result.violation == dropped.violation, "\(result.trace)")
    #expect(!result.trace.isEmpty)
  }

  @Test(arguments: [Rule.archiveIsAcknowledged, .promotedAsksTarget])
  func `where one of two rules is enough, it is`(dropped: Rule) {
    expectSafe(MoveModel(dropped: [dropped], writes: 1))
  }

  @Test func `every rule is among those that are missed`() {
    let missed = Set((Self.alone + Self.together).flatMap(\.dropped))
    #expect(missed == Set(Rule.allCases))
  }
}
