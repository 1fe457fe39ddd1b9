/// What a primary asks of one follower, and what the register knows of that.
///
/// Decides; the cell acts. The order is the safety: the register loses a follower before its
/// acknowledgement is done without, and gets it only after it is durably asked for again.
public struct FollowerStanding: Hashable, Sendable {
  public enum Phase: Hashable, Sendable {
    /// Not asked, not in the register. May become `asked`.
    case out
    /// Asked durably, not in the register. May become `adding`, `out`.
    case asked
    /// Asked; the register may have it. May become `promotable`, `leaving`.
    case adding
    /// Asked, and in the register. May become `leaving`; `adding` where the register was restored.
    case promotable
    /// Asked, until the register has let it go. May become `out`.
    case leaving
  }

  public private(set) var phase: Phase

  /// `isAsked` as it was stored: after a restart the register's part is unknown, so it counts as
  /// having the follower.
  public init(isAsked: Bool) { phase = isAsked ? .adding : .out }

  /// Whether nothing in `follower` mode is acknowledged without it.
  public var isAsked: Bool { phase != .out }

  /// It is close behind: ask for its acknowledgements.
  ///
  /// The caller makes that durable before it calls this.
  public mutating func ask() { if phase == .out { phase = .asked } }

  /// It has acknowledged all there is; answers whether the register is to be asked to add it.
  public mutating func caughtUp() -> Bool {
    guard phase == .asked || phase == .adding else { return false }
    phase = .adding
    return true
  }

  /// The register names it.
  public mutating func added() { if phase == .adding { phase = .promotable } }

  /// The register, which named it, does so no more: it was restored, and names who is added anew.
  ///
  /// The follower's acknowledgement was asked all the while.
  public mutating func forgotten() { if phase == .promotable { phase = .adding } }

  /// It has not acknowledged in time and the cell may go on without; answers whether the register
  /// is to be asked first.
  public mutating func lost() -> Bool {
    switch phase {
    case .out: return false
    case .asked:
      // The register has never heard of it.
      phase = .out
      return false
    case .adding, .promotable, .leaving:
      phase = .leaving
      return true
    }
  }

  /// The register does not name it any more.
  public mutating func removed() { if phase == .leaving { phase = .out } }
}
