/// What must have happened somewhere in a long run, lest it prove nothing.
public struct Sometimes: Codable, Hashable, Sendable {
  public var tornTail = 0
  public var redirect = 0
  public var dedupeHit = 0
  public var shed = 0
  public var outcomeUnknown = 0
  public var cut = 0
  public var powerLoss = 0
  public var kill = 0
  public var replaced = 0
  public var acked = 0
  public var fenced = 0
  /// Moves that a source gave up.
  public var burned = 0
  /// Moves that a target declined before it was ready.
  public var refusedByTarget = 0
  /// Targets that dropped what they had of a tenant, durably.
  public var refused = 0
  /// Releases that a restarted source told again while nobody owned the tenant.
  public var releaseResent = 0
  /// Commands that became durable at a source on its way to its release.
  public var servedWhileMoving = 0
  /// Tenants that came back to a cell that they had left.
  public var returned = 0
  /// Segments that were removed from journals.
  public var trimmed = 0
  /// Starts from a journal whose beginning was trimmed.
  public var startedTrimmed = 0
  /// Appends that were cut because a full disk had no room for their segment.
  public var cutForRoom = 0
  /// Segments that were made from the reserve.
  public var usedReserve = 0
  /// Copies of moving tenants that a full disk had no room for.
  public var importWithoutRoom = 0
  /// Durable records that a full disk had no room to commit, and those that came in later.
  public var stalled = 0
  public var caughtUp = 0
  /// Records whose cell's clock stood before the tenant's time.
  public var clockBehind = 0

  enum CodingKeys: String, CodingKey {
    case redirect, shed, cut, kill, replaced, acked, fenced, burned, refused, returned, trimmed
    case stalled
    case tornTail = "torn_tail"
    case dedupeHit = "dedupe_hit"
    case outcomeUnknown = "outcome_unknown"
    case powerLoss = "power_loss"
    case refusedByTarget = "refused_by_target"
    case releaseResent = "release_resent"
    case servedWhileMoving = "served_while_moving"
    case startedTrimmed = "started_trimmed"
    case cutForRoom = "cut_for_room"
    case usedReserve = "used_reserve"
    case importWithoutRoom = "import_without_room"
    case caughtUp = "caught_up"
    case clockBehind = "clock_behind"
  }

  /// The names of those that never happened.
  public var missing: [String] {
    [
      ("torn_tail", tornTail), ("redirect", redirect), ("dedupe_hit", dedupeHit),
      ("shed", shed), ("outcome_unknown", outcomeUnknown), ("fenced", fenced),
      ("replaced", replaced), ("burned", burned), ("refused_by_target", refusedByTarget),
      ("refused", refused), ("release_resent", releaseResent),
      ("served_while_moving", servedWhileMoving), ("returned", returned),
      ("trimmed", trimmed), ("started_trimmed", startedTrimmed), ("cut_for_room", cutForRoom),
      ("used_reserve", usedReserve), ("import_without_room", importWithoutRoom),
      ("stalled", stalled), ("caught_up", caughtUp), ("clock_behind", clockBehind),
    ].filter { $0.1 == 0 }.map(\.0)
  }

  mutating func add(_ other: Sometimes) {
    tornTail += other.tornTail
    redirect += other.redirect
    dedupeHit += other.dedupeHit
    shed += other.shed
    outcomeUnknown += other.outcomeUnknown
    cut += other.cut
    powerLoss += other.powerLoss
    kill += other.kill
    replaced += other.replaced
    acked += other.acked
    fenced += other.fenced
    burned += other.burned
    refusedByTarget += other.refusedByTarget
    refused += other.refused
    releaseResent += other.releaseResent
    servedWhileMoving += other.servedWhileMoving
    returned += other.returned
    trimmed += other.trimmed
    startedTrimmed += other.startedTrimmed
    cutForRoom += other.cutForRoom
    usedReserve += other.usedReserve
    importWithoutRoom += other.importWithoutRoom
    stalled += other.stalled
    caughtUp += other.caughtUp
    clockBehind += other.clockBehind
  }
}

/// How one seed ended.
public struct SimulationOutcome: Hashable, Sendable {
  public var seed: UInt64
  /// The invariant that broke; nil: all held.
  public var violation: String?
  public var events: UInt64
  public var sometimes: Sometimes
}
