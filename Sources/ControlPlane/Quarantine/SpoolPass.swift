import Wire

/// Where the look at one cell's spool stands; decides, without I/O.
///
/// What is new is tried at once. What waits for an owner is tried again when something changed that
/// may give it one, and otherwise seldom; what only failed is tried again soon.
struct SpoolPass: Hashable, Sendable {
  /// What was found in a spool.
  struct Size: Hashable, Sendable {
    var entries = 0
    /// The pass is not over: there may be more.
    var isAtLeast = false
    var oldest: Timestamp?

    mutating func add(_ receivedAt: Timestamp) {
      entries += 1
      oldest = min(oldest ?? receivedAt, receivedAt)
    }
  }

  /// What became of an entry.
  enum Fate: Hashable, Sendable {
    case delivered
    /// Nobody could take it in this ``World``.
    case waits
    /// Its owner did not take it now.
    case failed
  }

  /// What decides whether an entry has an owner that lives.
  struct World: Hashable, Sendable {
    let mapVersion: UInt64
    let living: [CellID]
  }

  /// The last entry looked at; looking goes on behind it.
  private(set) var position = ""
  /// What stayed, of everything up to ``position``.
  private(set) var found = Size()
  private var world: World?
  private var hasDelivered = false
  private var hasFailed = false
  /// When what stayed is tried again; nil while a pass has not reached the end.
  private var againAt: UInt64?
  private var pause = ControlPlaneLimits.spoolPauseMinimum

  /// A round begins: from the start of the spool where it is time, else behind ``position``.
  mutating func begin(_ world: World, now: UInt64) {
    if world != self.world {
      restart()
      pause = ControlPlaneLimits.spoolPauseMinimum
      self.world = world
    } else if let againAt, now >= againAt {
      restart()
    }
  }

  /// An entry was looked at; one that did not go is counted.
  mutating func looked(at id: String, receivedAt: Timestamp, _ fate: Fate) {
    position = id
    switch fate {
    case .delivered: hasDelivered = true
    case .waits: found.add(receivedAt)
    case .failed:
      found.add(receivedAt)
      hasFailed = true
    }
  }

  /// Nothing stands behind ``position``.
  mutating func reachedEnd(now: UInt64) {
    // Something new failed after the pass, or the pass moved something: the rest may go soon.
    if hasDelivered || againAt != nil && hasFailed { pause = ControlPlaneLimits.spoolPauseMinimum }
    let longest =
      hasFailed ? ControlPlaneLimits.spoolPauseOfFailed : ControlPlaneLimits.spoolPauseMaximum
    if againAt == nil || hasFailed {
      pause = min(pause, longest)
      againAt = min(againAt ?? .max, now + UInt64(pause) * 1_000_000)
      pause = min(pause * 2, longest)
    }
    (hasDelivered, hasFailed) = (false, false)
  }

  private mutating func restart() {
    position = ""
    found = Size()
    (hasDelivered, hasFailed) = (false, false)
    againAt = nil
  }
}
