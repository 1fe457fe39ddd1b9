import Wire

/// Everything that can happen next in one state of the ``PromotionModel``.
struct PromotionSteps {
  typealias State = PromotionModel.State

  let model: PromotionModel
  let state: State
  private(set) var found: [(String, State)] = []

  init(model: PromotionModel, state: State) {
    self.model = model
    self.state = state
  }

  mutating func all() {
    write()
    replicate()
    acknowledge()
    degradeAndAdd()
    promote()
    others()
    crash()
    start()
  }

  private mutating func step(_ name: String, _ change: (inout State) -> Void) {
    var next = state
    change(&next)
    found.append((name, next.normalized))
  }

  private var serving: Bool { state.isUp && state.isSynced && !state.knowsFence }

  private mutating func write() {
    if serving, state.next < model.writes, state.cache.isEmpty {
      for isLocal in model.isMixed ? [false, true] : [false] {
        step("P appends") {
          $0.cache.append(PromotionModel.Record(id: $0.next, isLocal: isLocal))
          $0.next += 1
        }
      }
    }
    guard state.isUp, state.isSynced, !state.cache.isEmpty else { return }
    step("P fsyncs") {
      $0.log += $0.cache
      $0.cache = []
    }
    step("P's append fails and is cut") { $0.cache = [] }
  }

  private mutating func replicate() {
    let (model, state) = (model, state)
    let source = model.has(.sendAfterFsync) ? state.log : state.all
    let copied = state.copied
    if state.isUp, state.isSynced, state.followerUp, !state.serves, state.fence.admits(.first),
      source.count > copied.count
    {
      if Array(source.prefix(copied.count)) == copied {
        step("F receives") { $0.copyCache.append(source[copied.count]) }
      } else {
        step("F refuses another chain") { $0.violation = .diverged }
      }
    }
    let common = min(copied.count, state.all.count)
    if !state.serves, !state.log.isEmpty, common > 0,
      copied.prefix(common) != state.all.prefix(common)
    {
      step("P and F compare") { $0.violation = .diverged }
    }
    if state.followerUp, !state.copyCache.isEmpty {
      step("F fsyncs") {
        $0.copy += $0.copyCache
        $0.copyCache = []
      }
    }
  }

  private mutating func acknowledge() {
    func acknowledged(_ record: PromotionModel.Record, _ next: inout State) {
      next.acked.insert(record)
      if next.serves { next.violation = .twoOwners }
    }
    if serving {
      for record in state.log where !state.acked.contains(record) {
        if record.isLocal || !state.standing.isAsked {
          step("P acks without F") { acknowledged(record, &$0) }
        } else if state.copy.contains(record),
          state.copy == Array(state.log.prefix(state.copy.count))
        {
          // F acknowledged it before any promotion: a waiting answer may leave late.
          step("P acks after F") { $0.acked.insert(record) }
        } else if !model.has(.noCommitOnTimeout) {
          step("P commits at the deadline") { acknowledged(record, &$0) }
        }
      }
    }
    guard !model.has(.recoveryFsync), state.isUp, state.isSynced, state.mayAnswerUnsynced else {
      return
    }
    for record in state.cache where !state.acked.contains(record) {
      if record.isLocal || !state.standing.isAsked {
        step("P answers from what it read back") { acknowledged(record, &$0) }
      }
    }
  }

  private mutating func degradeAndAdd() {
    let (model, state) = (model, state)
    if state.isUp, state.isSynced, !state.knowsFence, state.expecting == nil, !state.isRemoved {
      var standing = state.standing
      if standing.lost() {
        step("P reads the register") {
          $0.standing = standing
          $0.expecting = $0.register.version
        }
      } else if standing != state.standing {
        step("P asks no more") { $0.standing = standing }
      }
    }
    if state.isUp, let expecting = state.expecting {
      step("the register decides") { next in
        next.expecting = nil
        next.isRemoved =
          (try? next.register.compareAndSet(.degrade("f"), expecting: expecting, from: .first))
          != nil
      }
    }
    if state.isUp, state.isRemoved {
      step("P hears that F is out") {
        $0.standing.removed()
        $0.isRemoved = false
      }
    }
    if state.isUp, state.expecting == nil, !state.isRemoved, !state.knowsFence,
      state.standing.phase == .promotable, !state.register.promotable.contains("f"),
      state.register.generation == .first
    {
      step("P sees that the register names F no more") { $0.standing.forgotten() }
    }
    let isEqual = state.log == state.copy && state.followerUp && state.isUp
    if isEqual, state.standing.phase == .out, !state.register.promotable.contains("f"),
      state.register.generation == .first, state.fence.admits(.first), !state.knowsFence
    {
      if model.has(.askBeforeAdd) {
        step("P asks for F durably") { $0.standing.ask() }
      } else {
        step("the register adds F") { next in
          let version = next.register.version
          try? next.register.compareAndSet(.add("f"), expecting: version, from: .first)
        }
      }
    }
    if !model.has(.askBeforeAdd), state.standing.phase == .out, state.isUp,
      state.register.promotable.contains("f")
    {
      step("P notices") { $0.standing = FollowerStanding(isAsked: true) }
    }
    guard state.isUp, state.isSynced, state.expecting == nil, !state.isRemoved,
      state.acked.allSatisfy({ state.copy.contains($0) })
    else { return }
    var standing = state.standing
    if standing.caughtUp(), state.register.generation == .first {
      step("the register adds F again") { next in
        next.standing = standing
        let version = next.register.version
        if (try? next.register.compareAndSet(.add("f"), expecting: version, from: .first)) != nil {
          next.standing.added()
        }
      }
    }
  }

  private mutating func promote() {
    let (model, state) = (model, state)
    let isAllowed = !model.isMixed || !model.has(.mixedNeedsStop) || state.isDead
    switch state.promotion {
    case .none:
      guard isAllowed, state.register.promotable.contains("f") else { return }
      if model.has(.registerFirst) {
        step("the register promotes F") { next in
          let version = next.register.version
          try? next.register.compareAndSet(.promote("f"), expecting: version, from: nil)
          next.promotion = .registered
        }
      } else {
        step("somebody reads that F is promotable") { $0.promotion = .read }
      }
    case .read, .registered:
      guard state.followerUp else { return }
      step("F refuses the old generation") {
        _ = $0.fence.raise(to: Generation(2))
        $0.promotion = .fenced
      }
    case .fenced:
      guard state.followerUp, !state.serves else { return }
      step("F serves") { next in
        next.promotion = .over
        next.serves = true
        if next.register.generation == .first {
          let version = next.register.version
          try? next.register.compareAndSet(.promoteIncomplete("f"), expecting: version, from: nil)
        }
      }
    case .over: break
    }
  }

  /// What others do around a promotion.
  private mutating func others() {
    let (model, state) = (model, state)
    if state.isUp, !state.knowsFence, state.followerUp, state.standing.isAsked,
      !state.fence.admits(.first)
    {
      step("P hears that it is fenced") { $0.knowsFence = true }
    }
    if model.mayRestore, !state.restored, state.register.generation == .first {
      step("the control plane comes back from an older copy") { next in
        next.restored = true
        if model.has(.restoreEmptiesSet) {
          next.register.restored()
        } else {
          next.register = CellRegister(
            cell: next.register.cell, generation: .first, primary: "p", promotable: ["f"],
            version: next.register.version + 1)
        }
      }
    }
    if model.isMixed, !state.isUp, !state.isDead {
      step("an operator proves that P is stopped") { $0.isDead = true }
    }
  }

  private mutating func crash() {
    let (model, state) = (model, state)
    guard state.crashes < model.crashes else { return }
    if state.isUp {
      step("P is killed") { $0.primaryEnds() }
      step("P loses power") {
        $0.primaryEnds()
        let kept = Set($0.copied)
        if $0.cache.contains(where: { state.acked.contains($0) && !kept.contains($0) }) {
          $0.violation = .lostOnPrimary
        }
        $0.cache = []
      }
    }
    guard state.followerUp, !state.serves else { return }
    step("F is killed") {
      $0.followerUp = false
      $0.crashes += 1
    }
    step("F loses power") {
      $0.followerUp = false
      $0.copyCache = []
      $0.crashes += 1
    }
  }

  private mutating func start() {
    let (model, state) = (model, state)
    if !state.followerUp {
      step("F starts") {
        $0.followerUp = true
        guard model.has(.recoveryFsync) else { return }
        $0.copy += $0.copyCache
        $0.copyCache = []
      }
    }
    if !state.isUp, !state.isDead {
      step("P starts") {
        $0.isUp = true
        guard model.has(.recoveryFsync) else { return }
        $0.log += $0.cache
        $0.cache = []
      }
    }
    guard state.isUp, !state.isSynced else { return }
    let (mine, its) = (state.all, state.copied)
    let tail: StartRule.Tail =
      its.count <= mine.count
      ? (Array(mine.prefix(its.count)) == its ? .isPrefix : .differs)
      : (Array(its.prefix(mine.count)) == mine ? .isLonger : .differs)
    let answer: StartRule.Answer =
      state.followerUp ? .follower(state.fence.generation, tail) : .silent
    let isAsked = state.standing.isAsked
    let decision = StartRule.decide(
      generation: .first, asked: isAsked ? ["f": answer] : [:],
      others: isAsked ? [] : [.generation(.first)], released: [])
    switch decision {
    case .serve: step("P serves") { $0.isSynced = true }
    case .fetch:
      step("P fetches the longer tail and serves") {
        $0.log = its
        $0.cache = []
        $0.isSynced = true
      }
    case .fenced: step("P learns that it is fenced") { $0.knowsFence = true }
    case .diverged: step("P and F differ") { $0.violation = .diverged }
    case .wait: break
    }
  }
}

extension PromotionModel.State {
  fileprivate mutating func primaryEnds() {
    isUp = false
    isSynced = false
    expecting = nil
    isRemoved = false
    mayAnswerUnsynced = true
    standing = FollowerStanding(isAsked: standing.isAsked)
    crashes += 1
  }

  /// The same with the smallest versions: only whether they are equal matters.
  fileprivate var normalized: Self {
    var state = self
    let isCurrent = expecting == register.version
    state.expecting = expecting.map { _ in isCurrent ? 1 : 0 }
    state.register = CellRegister(
      cell: register.cell, generation: register.generation, primary: register.primary,
      promotable: register.promotable, version: 1)
    return state
  }
}
