import Storage
import Wire

/// What a control plane that was restored from an older copy remembers until it knows again what it
/// had issued since: rows of `counters`.
extension PlatformRows {
  private static let survey = "survey"
  private static let prefix = "surveyed/"
  private static let round = "survey_round"
  private static let archived = "survey_archived/"
  /// Kept for good: what is issued later lies above it, too.
  private static let archivedGeneration = "archived_generation/"
  /// Added to the platform's version at a restore: more than can have been issued since any copy.
  static let versionJump: UInt64 = 1 << 32

  /// The number of the survey that is not over; nil: none is.
  func runningSurvey() throws -> UInt64? {
    try connection.first("SELECT value FROM counters WHERE name = ?1", .text(Self.survey)) {
      UInt64(bitPattern: $0.int64(0))
    }
  }

  /// Throws `recovering` while some cell has not said what it holds: a key or an epoch that is
  /// issued now may be another's already.
  func requireSurveyed() throws {
    guard try runningSurvey() != nil else { return }
    throw Failure(
      .recovering,
      "the control plane was restored from a copy, and not every cell has said yet what it holds",
      retryAfterMilliseconds: 1_000)
  }

  /// Begins a survey: nobody may be promoted before its primary has confirmed it, and what is
  /// published from here on is newer than anything that was published before.
  ///
  /// `archived`: the cells whose journals the archive has, with the last generation that claimed
  /// each. Those that the copy does not know joined after it was made, and are waited for too,
  /// except where somebody has said before that they are no more; those that were spread over
  /// others since are no more, known or not.
  func beginSurvey(_ number: UInt64, archived: [CellID: Generation] = [:]) throws {
    try forgetSurvey()
    try connection.run(
      "DELETE FROM counters WHERE substr(name, 1, length(?1)) = ?1", .text(Self.prefix))
    try set(Self.survey, number)
    for (cell, generation) in archived {
      if generation == .ended { try endRegister(of: cell) }
      let isEnded = try register(of: cell)?.generation == .ended
      if !isEnded {
        let before = try archivedGeneration(of: cell) ?? generation
        try set(Self.archivedGeneration + cell.rawValue, max(before, generation).rawValue)
      }
      if var known = try self.cell(cell) {
        guard isEnded, known.generation < .ended else { continue }
        known.generation = .ended
        known.mapVersion = try raiseVersion()
        try put(known)
      } else if !isEnded {
        try set(Self.archived + cell.rawValue, 1)
      }
    }
    try set(Self.round, 0)
    try set("version", try version() + Self.versionJump)
    for var register in try registers() {
      register.restored()
      try put(register)
    }
  }

  /// The cells that have not said what they hold.
  ///
  /// Of one that was spread over others its tenants' new cells answer.
  func unsurveyed() throws -> [CellID] {
    let known = try cells()
    let waiting = try known.filter { !$0.isGone }.map(\.id).filter { try !isSurveyed($0) }
    let names = Set(known.map(\.id))
    return (waiting + (try archivedCells().filter { !names.contains($0) })).sorted()
  }

  private func archivedCells() throws -> [CellID] {
    try connection.rows(
      "SELECT substr(name, length(?1) + 1) FROM counters WHERE substr(name, 1, length(?1)) = ?1",
      .text(Self.archived)
    ) { CellID(trusted: $0.text(0)) }
  }

  /// Whether the survey waits for a cell that joined after the copy was made, and has not come.
  func isArchivedOnly(_ cell: CellID) throws -> Bool {
    guard try runningSurvey() != nil, try self.cell(cell) == nil else { return false }
    return try archivedCells().contains(cell)
  }

  /// An operator says that it is no more: a machine of it that comes back all the same is refused.
  ///
  /// It gets no record of a cell: a retired one's journal is removed from the archive in time, and
  /// nobody knows whether its tenants are elsewhere.
  func dismissArchived(_ cell: CellID) throws {
    try connection.run(
      "DELETE FROM counters WHERE name = ?1", .text(Self.archived + cell.rawValue))
    try endRegister(of: cell)
  }

  /// A primary has seen that a generation above its own has claimed its journal: what is issued
  /// next lies above that.
  func heardClaim(_ generation: Generation, of cell: CellID) throws {
    guard try archivedGeneration(of: cell) ?? .first < generation else { return }
    try set(Self.archivedGeneration + cell.rawValue, generation.rawValue)
  }

  /// The highest generation that was seen to have claimed the cell's journal; nil: none was.
  func archivedGeneration(of cell: CellID) throws -> Generation? {
    try connection.first(
      "SELECT value FROM counters WHERE name = ?1",
      .text(Self.archivedGeneration + cell.rawValue)
    ) { Generation(UInt64(bitPattern: $0.int64(0))) }
  }

  /// The record of a cell that is to be brought back from the archive.
  ///
  /// Throws `invalid_state` of one that only the archive names: whom the control plane has placed
  /// there is brought back, and its copy is from before all of them.
  func lostCell(_ id: CellID) throws -> CellRecord {
    if let cell = try cell(id) { return cell }
    guard try isArchivedOnly(id) else { throw Failure(.notFound, "no such cell") }
    throw Failure(
      .invalidState,
      "\(id) joined after the control plane's copy was made, so nobody says which tenants it had, "
        + "and none would come back: start its process on its own disk, promote a follower of it "
        + "by name, or bring a newer copy of the control plane back; the archive keeps them "
        + "meanwhile")
  }

  func isSurveyed(_ cell: CellID) throws -> Bool {
    try connection.first(
      "SELECT 1 FROM counters WHERE name = ?1", .text(Self.prefix + cell.rawValue)
    ) { _ in true } ?? false
  }

  /// A cell has said all in this round; `isSettled`: nothing that it said may be another's by the
  /// end of the round.
  func markSurveyed(_ cell: CellID, isSettled: Bool = true) throws {
    try set(Self.prefix + cell.rawValue, isSettled ? 1 : 2)
  }

  /// Which round of the survey this is, from 0.
  func surveyRound() throws -> UInt64 {
    try connection.first("SELECT value FROM counters WHERE name = ?1", .text(Self.round)) {
      UInt64(bitPattern: $0.int64(0))
    } ?? 0
  }

  /// Asks every cell anew where one was not settled; false where all were.
  func beginNextSurveyRound() throws -> Bool {
    let isOpen =
      try connection.first(
        "SELECT 1 FROM counters WHERE substr(name, 1, length(?1)) = ?1 AND value = 2",
        .text(Self.prefix)
      ) { _ in true } ?? false
    guard isOpen else { return false }
    try connection.run(
      "DELETE FROM counters WHERE substr(name, 1, length(?1)) = ?1", .text(Self.prefix))
    try set(Self.round, try surveyRound() + 1)
    return true
  }

  /// The tenant; throws `recovering` instead of `not_found` while a cell may still name it.
  func requireTenant(_ id: TenantID) throws -> TenantRecord {
    if let tenant = try tenant(id) { return tenant }
    try requireSurveyed()
    throw Failure(.notFound, "no such tenant")
  }

  func endSurvey() throws { try forgetSurvey() }

  private func forgetSurvey() throws {
    try connection.run(
      "DELETE FROM counters WHERE name = ?1 OR substr(name, 1, length(?2)) = ?2",
      .text(Self.survey), .text(Self.archived))
  }

  /// Raises the platform's version above one that somebody holds.
  func raiseVersion(above seen: UInt64) throws {
    guard try version() <= seen else { return }
    try set("version", seen + 1)
  }

  private func set(_ name: String, _ value: UInt64) throws {
    try connection.run(
      """
      INSERT INTO counters (name, value) VALUES (?1, ?2)
      ON CONFLICT (name) DO UPDATE SET value = excluded.value
      """, .text(name), .integer(Int64(bitPattern: value)))
  }

  /// Keys of one kind that a tenant holds.
  func heldKeys(_ kind: ClaimKind, of tenant: TenantID) throws -> [String] {
    try connection.rows(
      "SELECT key FROM key_claims WHERE kind = ?1 AND tenant = ?2 AND released = 0 ORDER BY key",
      .text(kind.rawValue), .text(tenant.rawValue)
    ) { $0.text(0) }
  }

  func registers() throws -> [CellRegister] {
    try connection.rows("SELECT cell FROM registers ORDER BY cell") {
      CellID(trusted: $0.text(0))
    }.compactMap { try register(of: $0) }
  }
}
