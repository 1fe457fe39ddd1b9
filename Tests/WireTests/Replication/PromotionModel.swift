import Wire

/// A primary, its follower and the register of their cell, every interleaving of writes, crashes,
/// degrading, adding again and promoting, on the rules that the product uses.
///
/// One rule at a time can be dropped, to see that it is needed.
struct PromotionModel {
  enum Rule: CaseIterable {
    /// What a restart read back is fsynced before anybody hears of it.
    case recoveryFsync
    /// A group goes to the follower only after the local fsync.
    case sendAfterFsync
    /// A promotion begins with the register.
    case registerFirst
    /// The primary asks again durably before the register has the follower again.
    case askBeforeAdd
    /// A follower that does not answer in time makes nothing true.
    case noCommitOnTimeout
    /// A control plane from an older copy believes nobody promotable.
    case restoreEmptiesSet
    /// A cell that acknowledges anything without followers is promoted only when the old process
    /// is proven stopped.
    case mixedNeedsStop
  }

  struct Record: Hashable, Comparable {
    let id: Int
    let isLocal: Bool
    static func < (a: Self, b: Self) -> Bool { a.id < b.id }
  }

  enum Violation: String { case lost, twoOwners, diverged, lostOnPrimary }

  struct State: Hashable {
    // The primary: fsynced records, written ones, and what it knows.
    var log: [Record] = []
    var cache: [Record] = []
    var isUp = true
    /// Proven or stated stopped: it never comes back.
    var isDead = false
    var isSynced = true
    var knowsFence = false
    var mayAnswerUnsynced = false
    var standing = FollowerStanding(isAsked: true)
    // The follower.
    var copy: [Record] = []
    var copyCache: [Record] = []
    var followerUp = true
    var fence = FollowerFence(generation: .first)
    var serves = false
    // The register, and the primary's compare-and-set under way.
    var register = CellRegister(
      cell: CellID(trusted: "c"), generation: .first, primary: "p", promotable: ["f"])
    var expecting: UInt64?
    var isRemoved = false
    var promotion = Promotion.none
    var restored = false
    // The history.
    var acked: Set<Record> = []
    var violation: Violation?
    var next = 0
    var crashes = 0

    enum Promotion { case none, read, registered, fenced, over }
    var all: [Record] { log + cache }
    var copied: [Record] { copy + copyCache }
  }

  var dropped: Rule?
  var isMixed = false
  var mayRestore = false
  var writes = 2
  var crashes = 2

  func has(_ rule: Rule) -> Bool { rule != dropped }

  private struct Step {
    let from: State?
    let name: String
  }

  struct Result {
    let violation: Violation?
    let states: Int
    let trace: [String]
  }

  /// Looks at every state that can be reached, the nearest first, until one is bad or `wanted`.
  func explore(_ wanted: (State) -> Bool = { _ in false }) -> Result {
    var start = State()
    start.standing.added()
    var cameFrom: [State: Step] = [start: Step(from: nil, name: "")]
    var queue = [start]
    var index = 0
    while index < queue.count {
      let state = queue[index]
      index += 1
      let violation = violation(state)
      if violation != nil || wanted(state) {
        var trace: [String] = []
        var place = state
        while let step = cameFrom[place], let before = step.from {
          trace.append(step.name)
          place = before
        }
        return Result(violation: violation, states: cameFrom.count, trace: trace.reversed())
      }
      var steps = PromotionSteps(model: self, state: state)
      steps.all()
      for (name, next) in steps.found where cameFrom[next] == nil {
        cameFrom[next] = Step(from: state, name: name)
        queue.append(next)
      }
    }
    return Result(violation: nil, states: cameFrom.count, trace: [])
  }

  private func violation(_ state: State) -> Violation? {
    if let violation = state.violation { return violation }
    guard state.serves else { return nil }
    let known = Set(state.copied)
    return state.acked.contains { !$0.isLocal && !known.contains($0) } ? .lost : nil
  }
}
