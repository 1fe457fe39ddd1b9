import Storage
import Wire

/// The stop that a promotion without proof of a complete copy puts on its cell's sends: what the
/// old process sent last may be unknown to the new one.
///
/// A cell has one stop. This one's reason says all that there is to know of it, so that a control
/// plane from an older copy learns it from any cell: the generation, the promotion by which an
/// operator releases it who has seen what waits, and an operator's stop of the same cell, which
/// stands again afterwards.
struct PromotionStop: Hashable, Sendable {
  /// An operator's stop of the same cell.
  struct Behind: Hashable, Sendable {
    let since: Timestamp
    let reason: String
  }

  let promotion: OperationID
  let generation: Generation
  /// What stands on when this one is released; nil: nothing.
  var behind: Behind?

  private static let prefix = "promoted to generation "
  private static let unproven = " without proof that the copy is complete; released as "
  private static let also = "; behind it an operator's stop since "
  private static let because = ": "

  var reason: String {
    let own = Self.prefix + "\(generation.rawValue)" + Self.unproven + promotion.rawValue
    guard let behind else { return own }
    return own + Self.also + behind.since.rfc3339 + Self.because + behind.reason
  }

  init(promotion: OperationID, generation: Generation, behind: Behind? = nil) {
    self.promotion = promotion
    self.generation = generation
    self.behind = behind
  }

  /// Nil where a promotion says no such thing.
  init?(reason: String) {
    guard let (nothing, text) = Self.cut(Substring(reason).unicodeScalars, at: Self.prefix),
      nothing.isEmpty, let (number, rest) = Self.cut(text, at: Self.unproven),
      let generation = UInt64(number)
    else { return nil }
    self.generation = Generation(generation)
    guard let (id, stop) = Self.cut(rest, at: Self.also) else {
      guard let promotion = OperationID(String(rest)) else { return nil }
      (self.promotion, behind) = (promotion, nil)
      return
    }
    guard let promotion = OperationID(id), let (time, why) = Self.cut(stop, at: Self.because),
      let since = Timestamp(rfc3339: time)
    else { return nil }
    (self.promotion, behind) = (promotion, Behind(since: since, reason: String(why)))
  }

  /// Nil where no promotion's stands.
  init?(_ stop: SendStop?) {
    guard let stop, stop.scope == .cell, !stop.isLifted else { return nil }
    self.init(reason: stop.reason)
  }

  /// By scalars: what an operator wrote may begin with a mark that joins the character before it.
  private static func cut(
    _ text: Substring.UnicodeScalarView, at mark: String
  ) -> (before: String, after: Substring.UnicodeScalarView)? {
    guard let found = text.firstRange(of: mark.unicodeScalars) else { return nil }
    return (String(text[..<found.lowerBound]), text[found.upperBound...])
  }

  // What becomes of a cell's one stop.

  /// The stop of a promotion that is ordered while `standing` is in force.
  ///
  /// Since now, also where one stands: what was due before this promotion's old process ended is
  /// its, not only what an earlier one may have sent.
  func put(
    over standing: SendStop?, of cell: CellID, at now: Timestamp, version: UInt64
  ) -> SendStopRule.Decision {
    var own = self
    if let standing, !standing.isLifted {
      own.behind =
        if let earlier = PromotionStop(standing) { earlier.behind } else {
          Behind(since: standing.since, reason: standing.reason)
        }
    }
    return SendStopRule.put(
      .cell, cell.rawValue, reason: own.reason, at: now, current: nil, version: version)
  }

  /// An operator stops the cell as well; the same again changes nothing.
  func holding(
    _ reason: String, _ current: SendStop, at now: Timestamp, version: UInt64
  ) -> SendStopRule.Decision {
    var held = self
    held.behind = Behind(since: behind?.since ?? now, reason: reason)
    return SendStopRule.put(
      .cell, current.id, reason: held.reason, at: now, current: current, version: version)
  }

  /// The operator's stop is lifted, and this one stands; throws `conflict` where there is only this
  /// one, which its release lifts.
  func withoutOperators(_ current: SendStop, version: UInt64) throws(Failure)
    -> SendStopRule.Decision
  {
    guard behind != nil else {
      throw Failure(
        .conflict,
        "\(promotion) stopped \(current.id)'s sends: see what waits with aimstors restore show "
          + "\(promotion), and let it go with aimstors restore release \(promotion)")
    }
    return SendStopRule.put(
      .cell, current.id, reason: Self(promotion: promotion, generation: generation).reason,
      at: current.since, current: current, version: version)
  }

  /// Released: lifted, or what the operator's stop was.
  func released(_ current: SendStop, version: UInt64) throws(Failure) -> SendStopRule.Decision {
    guard let behind else { return try SendStopRule.lift(current: current, version: version) }
    return .write(
      SendStop(
        scope: .cell, id: current.id, reason: behind.reason, since: behind.since,
        version: version, isLifted: false))
  }

  /// Throws `invalid_state` where a cell that is lost may not be spread over others.
  ///
  /// A promotion's stop alone is no reason: tenants come back suspended, under the spread's name.
  static func demandSpreadable(from stop: SendStop?) throws(Failure) {
    if let own = PromotionStop(stop), own.behind == nil { return }
    try SendStopRule.demandMovable(from: stop)
  }
}

extension PromotionStop {
  /// What the stop is released by.
  func record(of cell: CellID) -> RestoreRecord {
    RestoreRecord(
      id: promotion, tenant: .wholeCell, target: .wholeCell, cell: cell,
      at: CellRestoreRoute.name(cell, generation), mode: .swap, accept: true, releasedAt: nil)
  }

  /// The promotion's operation, of which only its stop is known.
  ///
  /// Over, so that it can be released; how it ended nobody says.
  func forgotten(_ stop: SendStop) throws -> Operation {
    var result = PromotionResult(
      CellRegister(cell: CellID(trusted: stop.id), generation: generation, primary: "unknown"),
      isComplete: false)
    var sends = SuspendedSends()
    sends.add("", of: CellID(trusted: stop.id))
    result.add(sends)
    return Operation(
      id: promotion, kind: .cellPromote, subject: stop.id, state: .failed, step: 1,
      progress: .init(done: 1, total: 3, unit: "steps"),
      error: Failure(
        .outcomeUnknown,
        "the control plane's copy was made before it: a cell has told of its stop, and how it "
          + "ended is not known"),
      result: try result.json, createdAt: stop.since, updatedAt: stop.since)
  }

  /// Whether the promotion's own stop stands.
  static func stands(_ promotion: OperationID, of cell: CellID, _ rows: PlatformRows) throws -> Bool
  {
    PromotionStop(try rows.sendStop(.cell, cell.rawValue))?.promotion == promotion
  }

  /// Stops the sends of a promoted cell, and records what releases them.
  static func put(
    of cell: CellID, _ generation: Generation, for promotion: OperationID,
    _ transaction: Transaction, _ rows: PlatformRows
  ) throws {
    let stop = PromotionStop(promotion: promotion, generation: generation)
    try rows.put(stop.record(of: cell))
    let decision = stop.put(
      over: try rows.sendStop(.cell, cell.rawValue), of: cell, at: transaction.now,
      version: try rows.version() + 1)
    try write(decision, transaction, rows)
  }

  /// Lifts the promotion's stop, where it stands; throws `conflict` where a later promotion's does,
  /// and `invalid_state` while the cell is spread over others.
  static func lift(
    of cell: CellID, for promotion: OperationID, _ transaction: Transaction, _ rows: PlatformRows
  ) throws {
    let current = try rows.sendStop(.cell, cell.rawValue)
    guard let current, let stop = PromotionStop(current) else { return }
    guard stop.promotion == promotion else {
      throw Failure(.conflict, "another stop of \(cell)'s sends stands: \(current.reason)")
    }
    if let record = try rows.cell(cell), record.isGone, record.state != .retired {
      // A process of it that comes back must not be told to send.
      throw Failure(
        .invalidState,
        "\(cell) is spread over others: its tenants wait for the release of "
          + CellSpreadCommands.name(cell))
    }
    try write(try stop.released(current, version: try rows.version() + 1), transaction, rows)
  }

  private static func write(
    _ decision: SendStopRule.Decision, _ transaction: Transaction, _ rows: PlatformRows
  ) throws {
    guard case .write(let stop) = decision else { return }
    _ = try rows.raiseVersion()
    try rows.put(stop)
    _ = try rows.enqueue(stop, at: transaction)
  }
}
