import Storage
import Wire

extension PlatformRows {
  func insert(_ upgrade: UpgradeRecord) throws {
    try connection.run(
      "INSERT INTO upgrades (id, rollback, soak_ms) VALUES (?1, ?2, ?3)",
      .text(upgrade.id.rawValue), .integer(upgrade.isRollback ? 1 : 0),
      .integer(upgrade.soakMilliseconds))
  }

  func upgrade(_ id: OperationID) throws -> UpgradeRecord? {
    try connection.first(
      "SELECT id, rollback, soak_ms FROM upgrades WHERE id = ?1", .text(id.rawValue)
    ) { row in
      UpgradeRecord(
        id: OperationID(trusted: row.text(0)), isRollback: row.int64(1) != 0,
        soakMilliseconds: row.int64(2))
    }
  }

  /// The upgrade that was begun last, whatever became of it.
  func lastUpgrade() throws -> OperationID? {
    try connection.first("SELECT id FROM upgrades WHERE rollback = 0 ORDER BY id DESC LIMIT 1") {
      OperationID(trusted: $0.text(0))
    }
  }

  /// Upgrades and rollbacks that have not ended, the oldest first.
  func runningUpgrades() throws -> [OperationID] {
    try connection.rows(
      """
      SELECT id FROM operations
      WHERE state = 'running' AND kind IN ('cell.upgrade', 'cell.rollback') ORDER BY id
      """
    ) { OperationID(trusted: $0.text(0)) }
  }

  /// In the order of their waves, a cell's followers before itself.
  func upgradeMembers(of operation: OperationID) throws -> [UpgradeMember] {
    try connection.rows(
      """
      SELECT replica, cell, follower, wave, from_version, to_version, state, since,
        before_requests, before_failed, begin_requests, begin_failed, seen_requests, seen_failed,
        started_at, problems, detail
      FROM upgrade_processes WHERE operation = ?1 ORDER BY wave, cell, follower DESC, replica
      """, .text(operation.rawValue)
    ) { row -> UpgradeMember? in
      guard let state = UpgradeMember.State(rawValue: row.text(6)) else { return nil }
      func counts(_ column: Int32) -> UpgradeRule.Counts {
        UpgradeRule.Counts(
          requests: UInt64(bitPattern: row.int64(column)),
          failed: UInt64(bitPattern: row.int64(column + 1)))
      }
      return UpgradeMember(
        name: row.text(0), cell: CellID(trusted: row.text(1)), isFollower: row.int64(2) != 0,
        wave: row.int(3), from: row.text(4), to: row.text(5), state: state,
        since: Timestamp(milliseconds: row.int64(7)), before: counts(8), begin: counts(10),
        seen: counts(12), startedAt: row.int64(14), problems: row.text(15), detail: row.text(16))
    }.compactMap { $0 }
  }

  func put(_ member: UpgradeMember, of operation: OperationID) throws {
    func bits(_ number: UInt64) -> SQLValue { .integer(Int64(bitPattern: number)) }
    try connection.run(
      """
      INSERT INTO upgrade_processes (operation, replica, cell, follower, wave, from_version,
        to_version, state, since, before_requests, before_failed, begin_requests, begin_failed,
        seen_requests, seen_failed, started_at, problems, detail)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
      ON CONFLICT (operation, cell, replica) DO UPDATE SET
        state = excluded.state, since = excluded.since,
        before_requests = excluded.before_requests, before_failed = excluded.before_failed,
        begin_requests = excluded.begin_requests, begin_failed = excluded.begin_failed,
        seen_requests = excluded.seen_requests, seen_failed = excluded.seen_failed,
        started_at = excluded.started_at, problems = excluded.problems, detail = excluded.detail
      """,
      .text(operation.rawValue), .text(member.name), .text(member.cell.rawValue),
      .integer(member.isFollower ? 1 : 0), .int(member.wave), .text(member.from),
      .text(member.to), .text(member.state.rawValue), .integer(member.since.milliseconds),
      bits(member.before.requests), bits(member.before.failed), bits(member.begin.requests),
      bits(member.begin.failed), bits(member.seen.requests), bits(member.seen.failed),
      .integer(member.startedAt), .text(member.problems), .text(member.detail))
  }

  /// What a process was told last, where it has not come to its end.
  struct UnsettledProcess: Hashable, Sendable {
    let replica: String
    let cell: CellID
    let from: String
    let to: String
  }

  /// Processes that may run a version on trial: they were told one, and nobody has seen them
  /// confirmed since.
  func unsettledProcesses() throws -> [UnsettledProcess] {
    try connection.rows(
      """
      SELECT replica, cell, from_version, to_version FROM upgrade_processes AS told
      WHERE state IN ('asked', 'watched', 'confirming', 'failed') AND NOT EXISTS (
        SELECT 1 FROM upgrade_processes AS later
        WHERE later.cell = told.cell AND later.replica = told.replica
          AND later.operation > told.operation AND later.state NOT IN ('planned', 'skipped'))
      ORDER BY cell, replica
      """
    ) {
      UnsettledProcess(
        replica: $0.text(0), cell: CellID(trusted: $0.text(1)), from: $0.text(2), to: $0.text(3))
    }
  }

  // MARK: The format ceiling

  /// Nil: none was set yet.
  func formatCeiling() throws -> UInt32? {
    try connection.first("SELECT value FROM counters WHERE name = 'format_ceiling'") {
      UInt32(clamping: $0.int64(0))
    }
  }

  /// It never falls.
  func raiseFormatCeiling(to level: UInt32) throws {
    try connection.run(
      """
      INSERT INTO counters (name, value) VALUES ('format_ceiling', ?1)
      ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)
      """, .integer(Int64(level)))
  }
}
