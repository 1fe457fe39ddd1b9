import Storage
import Wire

/// Everything that can happen next in one state of the ``MoveModel``.
struct MoveModelSteps {
  typealias State = MoveModel.State

  let model: MoveModel
  let state: State
  private(set) var found: [(String, State)] = []

  init(model: MoveModel, state: State) {
    self.model = model
    self.state = state
  }

  mutating func all() {
    arm()
    source()
    sourceMoves()
    sourceEndsAndStarts()
    follower()
    followerMoves()
    target()
    targetSettles()
    targetIsLost()
    targetFollower()
    recover()
  }

  mutating func step(_ name: String, _ change: (inout State) -> Void) {
    var next = state
    change(&next)
    if next != state { found.append((name, next)) }
  }

  private static let epoch = MoveHeads.moved

  /// The head at a source; a move that it did not record it only remembers.
  private func head(_ history: MoveHistory, drives: Bool) -> TenantHead {
    var head = model.heads.source(history)
    if drives, !model.has(.beginIsRecorded), head.ownership == .owned {
      head.ownership = .moving
      head.armed = Self.epoch
    }
    return head
  }

  private func heard(_ kind: MoveMessage.Kind) -> [MoveHistory] {
    state.messages.filter { $0.kind == kind }.map(\.chain)
  }

  /// Whether two sides mean the same record, as far as they compare.
  private func isSame(_ a: MoveHistory, _ b: MoveHistory) -> Bool {
    model.has(.readyNamesHash) ? a == b : a.count == b.count
  }

  // The control plane, and the source as it serves.

  private mutating func arm() {
    guard !state.isArmed, !model.isAdopted(state) else { return }
    step("the control plane arms E+1") {
      $0.isArmed = true
      $0.send(MoveMessage(.begin))
    }
  }

  private var isAwake: Bool { state.isUp && !state.isLost }

  private mutating func source() {
    let state = state
    guard isAwake else { return }
    if state.hasCompared, state.fenced == nil, state.next < model.writes,
      head(state.source, drives: state.drives).ownership.isServed
    {
      step("S appends w\(state.next)") {
        $0.source.append(.write($0.next))
        $0.next += 1
      }
    }
    if !state.isPromoted, state.follower.count < state.source.count,
      state.source.starts(with: state.follower)
    {
      let entry = state.source[state.follower.count]
      step("F receives \(entry)") { $0.follower.append(entry) }
    }
    let acknowledged = Int(state.acknowledged)
    if state.hasCompared, acknowledged < min(state.follower.count, state.source.count),
      state.follower.prefix(acknowledged + 1) == state.source.prefix(acknowledged + 1)
    {
      let entry = state.source[acknowledged]
      step("S hears that F has \(entry)") {
        $0.acknowledged += 1
        if let write = entry.write { $0.acked |= 1 << UInt8(write) }
      }
    }
    let limit = model.has(.archiveIsAcknowledged) ? acknowledged : state.source.count
    if state.archive.count < limit, state.source.starts(with: state.archive) {
      step("the archive gets \(state.source[state.archive.count])") {
        $0.archive.append(state.source[state.archive.count])
      }
    }
  }

  private var isAllAcknowledged: Bool { Int(state.acknowledged) == state.source.count }

  private mutating func sourceMoves() {
    let (model, state) = (model, state)
    guard isAwake else { return }
    let head = head(state.source, drives: state.drives)
    if state.hasCompared, !state.drives, !heard(.begin).isEmpty,
      model.allows(.begin(Self.epoch), model.heads.source(state.source))
    {
      step("S begins") {
        $0.drives = true
        if model.has(.beginIsRecorded) { $0.source.append(.begin) }
      }
    }
    if state.drives {
      let limit =
        model.has(.streamIsAcknowledged) ? Int(state.acknowledged) : state.source.count
      copyAndStream(state.source.prefix(limit))
    }
    if state.drives, state.fenced == nil, head.ownership == .moving, state.hasCompared,
      !model.has(.streamIsAcknowledged) || isAllAcknowledged
    {
      step("S fences") {
        $0.fenced = $0.source
        $0.send(MoveMessage(.fence, $0.source))
      }
    }
    if let fenced = state.fenced, state.drives, head.ownership == .moving {
      for chain in heard(.ready) where isSame(chain, fenced) {
        let hash = model.heads.source(chain).hash
        guard model.allows(.release(Self.epoch, ready: hash), head) else { continue }
        step("S appends the release") { $0.source.append(.release) }
      }
      if model.allows(.burn(Self.epoch), head) {
        step("S gives up and burns E+1") {
          if model.has(.beginIsRecorded) { $0.source.append(.burn) }
          $0.fenced = nil
          $0.drives = false
        }
      }
    }
    if !model.has(.capBeforeAppend), state.fenced != nil, state.source.isReleased,
      !isAllAcknowledged
    {
      step("S gives up and cuts the release") {
        $0.source = $0.source.prefix($0.source.count - 1)
        $0.fenced = nil
        $0.drives = false
      }
    }
    tell()
  }

  /// What a source says of a move that has ended.
  private mutating func tell() {
    let (model, state) = (model, state)
    if let chain = state.source.beforeRelease {
      let isAcknowledged = chain.count < Int(state.acknowledged)
      // Before it has compared it knows of no acknowledgement, only what it has read back.
      let mayTell =
        state.hasCompared
        ? isAcknowledged || !model.has(.releaseIsAcknowledged)
        : !model.has(.answersAfterComparing)
      if mayTell { step("S tells the release") { $0.send(MoveMessage(.release, chain)) } }
    }
    let head = model.heads.source(state.source)
    if state.hasCompared, isAllAcknowledged, head.ownership == .owned, head.armed == Self.epoch {
      step("S says that E+1 is burned") { $0.send(MoveMessage(.burned)) }
    }
  }

  private mutating func sourceEndsAndStarts() {
    let (model, state) = (model, state)
    guard !state.isLost else { return }
    if state.isUp, state.crashes < model.crashes {
      step("S is killed") {
        $0.isUp = false
        $0.fenced = nil
        $0.drives = false
        $0.hasCompared = false
        $0.acknowledged = 0
        $0.crashes += 1
      }
    }
    if !state.isUp { step("S starts") { $0.isUp = true } }
    if state.isUp, !state.hasCompared, !state.isPromoted {
      step("S compares with F") {
        $0.hasCompared = true
        if model.allows(.burn(Self.epoch), model.heads.source($0.source)) {
          $0.source.append(.burn)
        }
      }
    }
  }

  // The follower, which may be promoted.

  private mutating func follower() {
    let (model, state) = (model, state)
    guard model.mayPromote else { return }
    guard state.isPromoted else {
      return step("F is promoted and refuses the old generation") { $0.isPromoted = true }
    }
    guard !state.serves, state.third == nil else { return }
    let head = model.heads.source(state.follower)
    let isSettled =
      head.ownership == .released || !state.isArmed
      || head.armed == Self.epoch
        && head.ownership == .owned
    let isBurning = model.allows(.burn(Self.epoch), head)
    func serve(_ next: inout State) {
      next.serves = true
      if isBurning { next.follower.append(.burn) }
    }
    if isSettled || !model.has(.promotedAsksTarget) {
      step("F serves") { serve(&$0) }
    } else if model.isAdopted(state) {
      guard model.allows(.release(Self.epoch, ready: head.hash), head) else { return }
      step("F hears that T has adopted") {
        $0.serves = true
        $0.follower.append(.release)
      }
    } else {
      step("F has T refuse, and serves") {
        model.refuse(&$0)
        serve(&$0)
      }
    }
  }

  private mutating func followerMoves() {
    let (model, state) = (model, state)
    guard state.serves else { return }
    if let chain = state.follower.beforeRelease {
      return step("F tells the release") { $0.send(MoveMessage(.release, chain)) }
    }
    let head = head(state.follower, drives: state.followerDrives)
    if state.next < model.writes, state.followerFenced == nil {
      step("F writes w\(state.next)") {
        $0.acked |= 1 << UInt8($0.next)
        $0.follower.append(.write($0.next))
        $0.next += 1
      }
    }
    if !state.followerDrives, !heard(.begin).isEmpty, model.allows(.begin(Self.epoch), head) {
      step("F begins") {
        $0.followerDrives = true
        if model.has(.beginIsRecorded) { $0.follower.append(.begin) }
      }
    }
    guard state.followerDrives else { return }
    copyAndStream(state.follower)
    guard let fenced = state.followerFenced else {
      return step("F fences") {
        $0.followerFenced = $0.follower
        $0.send(MoveMessage(.fence, $0.follower))
      }
    }
    for chain in heard(.ready) where isSame(chain, fenced) {
      let hash = model.heads.source(chain).hash
      guard model.allows(.release(Self.epoch, ready: hash), head) else { continue }
      step("F releases") { $0.follower.append(.release) }
    }
  }

  // The target.

  /// A source gives the target the files, or the next record.
  private mutating func copyAndStream(_ history: MoveHistory) {
    // A promoted target knows of no copy that is under way.
    guard !state.isTargetPromoted else { return }
    let head = model.heads.target(state.target)
    if head == nil || head?.ownership == .refused {
      let isBegun = !model.has(.beginIsRecorded) || history.contains(.begin)
      if isBegun, model.allows(.importing(Self.epoch), head) {
        step("T imports the files") { $0.target = history.appending(.importing) }
      }
      return
    }
    let chain = state.target.chain
    guard head?.ownership == .importing, chain.count < history.count, history.starts(with: chain),
      history[chain.count] != .release
    else { return }
    step("T gets \(history[chain.count])") { $0.target.append(history[chain.count]) }
  }

  private mutating func target() {
    let (model, state) = (model, state)
    guard let head = model.heads.target(state.target) else { return }
    let chain = state.target.chain
    for fence in heard(.fence) where isSame(fence, chain) {
      let hash = model.heads.source(fence).hash
      guard model.allows(.ready(Self.epoch, hash: hash), head) else { continue }
      // The digests of the two are compared as well; a model without hashes is one without them.
      guard !state.isTargetPromoted else { continue }
      let hasFiles = !model.waits(state) || state.targetFollowerHasFiles
      guard hasFiles || !model.has(.filesBeforeReady) else { continue }
      let isTold = !model.waits(state) || !model.has(.readyIsAcknowledged)
      step("T is ready") {
        $0.target.append(.ready)
        $0.targetCopy = $0.target
        if isTold { $0.send(MoveMessage(.ready, chain)) }
      }
    }
    if head.ownership == .ready, state.targetFollower == state.target {
      step("T says that it is ready") { $0.send(MoveMessage(.ready, chain)) }
    }
    if model.isAdopted(state), !model.isBroken(state), state.next < model.writes {
      let isAcked = !model.waits(state) || !model.has(.targetIsAcknowledged)
      step("T writes w\(state.next)") {
        if isAcked { $0.acked |= 1 << UInt8($0.next) }
        $0.target.append(.write($0.next))
        $0.targetCopy = $0.target
        $0.next += 1
      }
    }
  }

  private mutating func adopt(_ name: String, after chain: MoveHistory) {
    guard let head = model.heads.target(state.target), isSame(chain, state.target.chain) else {
      return
    }
    // The release says only its own hash: the target makes the record from its own head.
    let told = model.heads.releaseHash(after: model.heads.source(chain).hash)
    let isProven = model.heads.releaseHash(after: head.hash) == told
    let after = isProven ? head.hash : SHA256Hash.zero
    guard model.allows(.adopt(Self.epoch, after: after), head) else { return }
    step(name) {
      $0.target.append(.adopt)
      $0.targetCopy = $0.target
    }
  }

  private mutating func targetSettles() {
    let (model, state) = (model, state)
    guard let head = model.heads.target(state.target) else { return }
    for chain in heard(.release) { adopt("T adopts", after: chain) }
    if state.isTargetPromoted, head.ownership == .importing {
      step("T, promoted, refuses what it was not ready for") { $0.target.append(.refuse) }
    }
    if !state.isPromoted || state.serves, let chain = state.follower.beforeRelease {
      adopt("T finds the release at F and adopts", after: chain)
    }
    // An archive's reader does not see what a later claim has cut off.
    if let chain = state.archive.beforeRelease, !state.serves || state.follower.isReleased {
      adopt("T finds the release in the archive and adopts", after: chain)
    }
    if !heard(.burned).isEmpty, model.allows(.refuse(Self.epoch), head) {
      step("T refuses what was burned") { $0.target.append(.refuse) }
    }
  }

  private mutating func targetIsLost() {
    guard model.mayLoseTarget else { return }
    step("T's archive gets what there is") { $0.targetCopy = $0.target }
    guard !state.wasTargetLost else { return }
    step("T's machine is lost, and T comes back from its archive") {
      $0.target = $0.targetCopy
      $0.wasTargetLost = true
    }
  }
}
