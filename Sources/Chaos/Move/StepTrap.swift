import Foundation
import Platform

/// Holds a system's moves at one of their steps, so that a fault strikes there and nowhere else.
struct StepTrap: Sendable {
  /// The steps of a move at which its source can be held, in their order.
  enum Step: String, CaseIterable {
    /// The begin is durable.
    case begin
    /// The target has room, and no file yet.
    case copy
    /// The target has all files, and checks none of them yet.
    case importing = "import"
    case stream
    /// External calls have ended.
    case quiesce
    /// The source is at rest, the target not ready.
    case fence
    /// The target is durably ready, nothing released.
    case ready
    /// The release is durable, and told to nobody.
    case release
    /// The target has adopted, and the source has heard it.
    case adopt

    /// Each fault at each step, in an order in which both change from one to the next.
    static func paired<Fault>(with faults: [Fault]) -> [(fault: Fault, step: Step)] {
      (0..<faults.count * allCases.count).map { index in
        let (round, place) = index.quotientAndRemainder(dividingBy: faults.count)
        return (faults[place], allCases[(place + round) % allCases.count])
      }
    }
  }

  static let variable = "AIMSTORS_MOVE_STOPS"
  static let seconds = 60
  /// Moves that are begun until one comes to the step where it is to be struck.
  static let attempts = 3
  static let betweenAttempts = Duration.seconds(3)
  static let endSeconds = 120
  /// How often it is looked whether a move is held, and how many looks there are to one question
  /// whether it still runs.
  private static let look = Duration.milliseconds(5)
  private static let looks = 20

  let directory: String

  /// Where a system's moves look for it.
  static func directory(in system: String) -> String { system + "/move-stops" }

  init(_ system: String) throws {
    directory = Self.directory(in: system)
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
  }

  /// Moves a tenant to the other cell, has `strike` do something to the move while it is held at
  /// the step, and answers both and how the move ended.
  ///
  /// `strike` lets go of it with ``letGo()`` once its fault is there, and answers what that says.
  /// Throws where no move is held so long: nothing would have been tried.
  func move(
    _ tenant: ChaosTenant, _ key: String, at step: Step, _ client: SystemClient, seconds: Int,
    strike: (ChaosTenant.Move) async throws -> Bool
  ) async throws -> (move: ChaosTenant.Move, state: String?) {
    defer { clear() }
    for attempt in 1...Self.attempts {
      clear()
      try Data().write(to: URL(fileURLWithPath: "\(directory)/\(step.rawValue)"))
      let move = try await tenant.beginMove("\(key)-\(attempt)", client, seconds: seconds)
      var isStruck = false
      if try await isMet(at: step, by: move, client) { isStruck = try await strike(move) }
      let state = try await ChaosTenant.end(move.operation, client, seconds: Self.endSeconds)
      if isStruck { return (move, state) }
      // What came late may have stopped the tenant for a moment.
      try await Task.sleep(for: Self.betweenAttempts)
    }
    throw ChaosFailure("no move came to \(step.rawValue)")
  }

  /// Waits until the move is held; false where it ended before.
  private func isMet(
    at step: Step, by move: ChaosTenant.Move, _ client: SystemClient
  ) async throws -> Bool {
    let met = "\(directory)/\(step.rawValue).met"
    var isMet = false
    try await wait("a move comes to \(step.rawValue)", seconds: Self.seconds) {
      for _ in 0..<Self.looks where !isMet {
        isMet = FileManager.default.fileExists(atPath: met)
        if !isMet { try await Task.sleep(for: Self.look) }
      }
      guard !isMet else { return true }
      let operation = try await client.admin("GET", "/v1/operations/\(move.operation)")
      return !["planned", "running"].contains(operation["state"]?.string)
    }
    return isMet
  }

  /// Lets go on who is held; answers whether it was held until now.
  func letGo() -> Bool {
    let isHeld = StepTrap.Step.allCases.contains {
      FileManager.default.fileExists(atPath: "\(directory)/\($0.rawValue).met")
    }
    clear()
    return isHeld
  }

  private func clear() {
    for step in Step.allCases {
      for name in [step.rawValue, step.rawValue + ".met"] {
        try? FileManager.default.removeItem(atPath: "\(directory)/\(name)")
      }
    }
  }
}
