import Storage
import Wire

/// Who takes over: the target's follower, or a third cell.
extension MoveModelSteps {
  // The target's follower, which may be promoted.

  mutating func targetFollower() {
    let state = state
    guard model.waits(state) else { return }
    let (target, follower) = (state.target, state.targetFollower)
    if let place = target.firstIndex(of: .importing), follower.count <= place {
      for hasFiles in [true, false] {
        step("TF gets the import, \(hasFiles ? "and has" : "without") the files") {
          $0.targetFollower = target.prefix(place + 1)
          $0.targetFollowerHasFiles = hasFiles
        }
      }
    } else if follower.count < target.count {
      let entry = target[follower.count]
      step("TF gets \(entry)") {
        $0.targetFollower.append(entry)
        if follower.contains(.adopt), let write = entry.write { $0.acked |= 1 << UInt8(write) }
      }
    }
    step("TF is promoted") {
      $0.isTargetPromoted = true
      $0.target = follower
      $0.targetCopy = follower
    }
  }

  // A recovery that gives the tenant to a third cell.

  mutating func recover() {
    let (model, state) = (model, state)
    guard model.mayRecover else { return }
    if !state.isLost, model.mayPromote {
      step("S's machine is lost") {
        $0.isLost = true
        $0.isUp = false
      }
    }
    let isFenced = state.isPromoted || !model.has(.fencedBeforeRefusal)
    guard isFenced, state.isArmed, !model.isAdopted(state), state.third == nil else { return }
    step("the control plane has T refuse") { model.refuse(&$0) }
    let isRefused = model.heads.target(state.target)?.ownership == .refused
    let copied = model.heads.target(state.targetCopy)
    let isArchived = copied?.ownership == .refused || !model.mayLoseTarget
    guard isRefused, isArchived || !model.has(.refusalIsArchived),
      !state.serves || state.follower.isReleased
    else { return }
    step("a third cell is given the tenant from F's copy") {
      $0.third = state.follower
      $0.serves = false
      // The promoted copy is another's from here on.
      $0.isPromoted = model.has(.fencedBeforeRefusal) ? true : $0.isPromoted
    }
  }
}
