import Storage
import Wire

/// One move, every interleaving of a source with a follower and an archive, a target with an
/// archive or a follower, a third cell, the control plane, crashes, promotions and lost machines.
///
/// What becomes durable passes ``MoveRule``; where it leads, ``TenantHead`` says.
///
/// Messages may be lost, repeated and late. Rules can be dropped, to see that they are needed.
struct MoveModel {
  enum Rule: CaseIterable {
    /// A release is told only once it is durable in the tenant's mode.
    case releaseIsAcknowledged
    /// A restarted source answers only after it has compared with its follower.
    case answersAfterComparing
    /// The archive gets only what is durable in the tenant's mode.
    case archiveIsAcknowledged
    /// A source records that a move begins, and burns what a crash or promotion cut off.
    case beginIsRecorded
    /// A target is ready for a hash, not for a number of records.
    case readyNamesHash
    /// Only what is durable in the tenant's mode is streamed.
    case streamIsAcknowledged
    /// A promoted source asks the target before it goes on with a tenant on its way.
    case promotedAsksTarget
    /// A refusal counts once it is in the target's archive.
    case refusalIsArchived
    /// Nothing is given up once the release's append has begun.
    case capBeforeAppend
    /// A recovery makes a target refuse only once the source is fenced.
    case fencedBeforeRefusal
    /// A target is ready only once its follower has the copied files, which no record makes.
    case filesBeforeReady
    /// A target says that it is ready only once its follower has that record.
    case readyIsAcknowledged
    /// A target acknowledges only what its follower has.
    case targetIsAcknowledged
  }

  enum Violation: Hashable {
    case twoOwners(String)
    case lost(at: String)
    /// Nobody owns the tenant, whatever happens from here on.
    case ownerless
  }

  struct State: Hashable {
    // The source: its journal, how much of that the follower has acknowledged, and what it does.
    var source = MoveHistory()
    var acknowledged: UInt8 = 0
    var isUp = true
    var hasCompared = true
    /// It drives the move: lost in a crash.
    var drives = false
    var fenced: MoveHistory?
    /// The machine is gone.
    var isLost = false
    // Its follower, which may become the source.
    var follower = MoveHistory()
    var isPromoted = false
    var serves = false
    var followerDrives = false
    var followerFenced: MoveHistory?
    var archive = MoveHistory()
    // The target, and its copy elsewhere.
    var target = MoveHistory()
    var targetCopy = MoveHistory()
    var wasTargetLost = false
    // The target's follower, which may become the target.
    var targetFollower = MoveHistory()
    var targetFollowerHasFiles = false
    var isTargetPromoted = false
    /// What a third cell was given by a recovery.
    var third: MoveHistory?
    var isArmed = false
    /// Sorted; a message stays to be heard again.
    var messages: [MoveMessage] = []
    // The history: acknowledged commands, a bit each.
    var acked: UInt8 = 0
    var next = 0
    var crashes = 0

    mutating func send(_ message: MoveMessage) {
      let place = messages.firstIndex { $0.bits >= message.bits } ?? messages.count
      guard place == messages.count || messages[place] != message else { return }
      messages.insert(message, at: place)
    }
  }

  var dropped: Set<Rule> = []
  var writes = 2
  var crashes = 1
  var mayPromote = true
  /// Whether the target's machine may be lost and come back from its copy.
  var mayLoseTarget = false
  /// Whether the target has a follower, which may be promoted.
  var mayPromoteTarget = false
  /// Whether the source's machine may be lost and a third cell be given the tenant.
  var mayRecover = false
  var limit = 1_000_000
  let heads = MoveHeads()

  func has(_ rule: Rule) -> Bool { !dropped.contains(rule) }

  var rules: MoveRule.Rules {
    var rules = MoveRule.Rules()
    rules.usesEpochsOnce = has(.beginIsRecorded)
    rules.comparesHashes = has(.readyNamesHash)
    return rules
  }

  /// What the product's rule says.
  func allows(_ step: MoveStep, _ head: TenantHead?) -> Bool {
    MoveRule.refusal(of: step, at: head, rules: rules) == nil
  }

  /// Has the target refuse; one that has nothing durable of the tenant has nothing to refuse.
  func refuse(_ state: inout State) {
    if allows(.refuse(MoveHeads.moved), heads.target(state.target)) {
      state.target.append(.refuse)
      // It is answered once the follower has it.
      if waits(state) { state.targetFollower = state.target }
    }
  }

  struct Result {
    let violation: Violation?
    let states: Int
    let trace: [String]
    /// False where there were more states than the limit.
    let isComplete: Bool
  }

  private struct Found {
    var states: [State] = []
    var index: [State: Int32] = [:]
    /// From which state, and by what.
    var cameFrom: [(state: Int32, name: String)] = []
    /// Every step there is, backwards.
    var steps: [(from: Int32, to: Int32)] = []
  }

  /// Looks at every state that can be reached, the nearest first, and then whether an owner can be
  /// reached from each.
  func explore() -> Result {
    var found = Found()
    found.states = [State()]
    found.index[State()] = 0
    found.cameFrom = [(-1, "")]
    var place = 0
    while place < found.states.count {
      if let violation = violation(found.states[place]) {
        return result(violation, found, at: place)
      }
      guard found.states.count <= limit else { return result(nil, found, isComplete: false) }
      var steps = MoveModelSteps(model: self, state: found.states[place])
      steps.all()
      for (name, next) in steps.found {
        var target = found.index[next]
        if target == nil {
          target = Int32(found.states.count)
          found.index[next] = target
          found.states.append(next)
          found.cameFrom.append((Int32(place), name))
        }
        if let target { found.steps.append((Int32(place), target)) }
      }
      place += 1
    }
    if let stuck = ownerless(found) { return result(.ownerless, found, at: stuck) }
    return result(nil, found)
  }

  private func result(
    _ violation: Violation?, _ found: Found, at place: Int? = nil, isComplete: Bool = true
  ) -> Result {
    var trace: [String] = []
    var place = Int32(place ?? 0)
    while place > 0 {
      let step = found.cameFrom[Int(place)]
      trace.append(step.name)
      place = step.state
    }
    return Result(
      violation: violation, states: found.states.count, trace: trace.reversed(),
      isComplete: isComplete)
  }

  /// A state from which no owner can be reached; nil where there is none.
  private func ownerless(_ found: Found) -> Int? {
    var before = [[Int32]](repeating: [], count: found.states.count)
    for step in found.steps { before[Int(step.to)].append(step.from) }
    var isGood = found.states.map { !owners($0).isEmpty }
    var open = isGood.indices.filter { isGood[$0] }
    while let place = open.popLast() {
      for from in before[place] where !isGood[Int(from)] {
        isGood[Int(from)] = true
        open.append(Int(from))
      }
    }
    return isGood.firstIndex(of: false)
  }

  /// Who can make a command of the tenant's durable.
  func owners(_ state: State) -> [String] {
    var owners: [String] = []
    // Promoted, the follower acknowledges nothing of the old source's any more.
    if !state.isPromoted, !state.isLost, heads.source(state.source).ownership.isServed {
      owners.append("source")
    }
    if state.serves, heads.source(state.follower).ownership.isServed { owners.append("follower") }
    if isAdopted(state), !isBroken(state) { owners.append("target") }
    if state.third != nil { owners.append("third") }
    return owners
  }

  func isAdopted(_ state: State) -> Bool {
    heads.target(state.target)?.ownership.isServed ?? false
  }

  /// Whether the target waits for its follower.
  func waits(_ state: State) -> Bool { mayPromoteTarget && !state.isTargetPromoted }

  /// Whether the target was promoted without the files that its journal goes on from: it can say
  /// whose the tenant is, and not serve it.
  func isBroken(_ state: State) -> Bool { state.isTargetPromoted && !state.targetFollowerHasFiles }

  private func violation(_ state: State) -> Violation? {
    let owners = owners(state)
    if owners.count > 1 { return .twoOwners(owners.joined(separator: ", ")) }
    for owner in owners {
      let history =
        switch owner {
        case "follower": state.follower
        case "target": state.target
        case "third": state.third ?? MoveHistory()
        default: state.source
        }
      if state.acked & ~history.writes != 0 { return .lost(at: owner) }
    }
    return nil
  }
}

/// Something that one process told another, in a word: the kind, and the chain that it speaks of.
struct MoveMessage: Hashable {
  enum Kind: UInt64 {
    /// The control plane to the source: the move is armed.
    case begin = 1
    /// The source to the target: this is all there is.
    case fence
    /// The target to the source: it is all here.
    case ready
    /// The source to the target: it is yours.
    case release
    /// The source to the target: the move was given up.
    case burned
  }

  let bits: UInt64

  init(_ kind: Kind, _ chain: MoveHistory = MoveHistory()) {
    bits = kind.rawValue << 60 | chain.bits
  }

  var kind: Kind? { Kind(rawValue: bits >> 60) }
  var chain: MoveHistory { MoveHistory(bits: bits & (1 << 60 - 1)) }
}
