/// What happens to a move, and at which of its steps.
struct MoveStrike: Hashable, Sendable, CustomStringConvertible {
  enum Fault: String, CaseIterable {
    case killSource = "kill -9 of the source"
    case killTarget = "kill -9 of the target"
    case killRouter = "kill -9 of the router"
    case killControlPlane = "kill -9 of the control plane"
    case pauseSource = "SIGSTOP, SIGCONT of the source"
    case pauseTarget = "SIGSTOP, SIGCONT of the target"
    case pauseRouter = "SIGSTOP, SIGCONT of the router"
    case pauseControlPlane = "SIGSTOP, SIGCONT of the control plane"
    case cancel = "a cancelled move"

    static let pauses: [Fault] = [.pauseSource, .pauseTarget, .pauseRouter, .pauseControlPlane]
  }

  let fault: Fault
  let step: StepTrap.Step

  var description: String { "\(fault.rawValue) at \(step.rawValue)" }

  /// Each fault at each step, in an order in which both change from one to the next.
  static func all(of faults: [Fault] = Fault.allCases) -> [MoveStrike] {
    let steps = StepTrap.Step.allCases
    return (0..<faults.count * steps.count).map { index in
      let round = index / faults.count
      return MoveStrike(
        fault: faults[index % faults.count],
        step: steps[(index % faults.count + round) % steps.count])
    }
  }
}
