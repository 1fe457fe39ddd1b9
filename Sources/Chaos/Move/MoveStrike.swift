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

  static func all(of faults: [Fault] = Fault.allCases) -> [MoveStrike] {
    StepTrap.Step.paired(with: faults).map { MoveStrike(fault: $0.fault, step: $0.step) }
  }
}
