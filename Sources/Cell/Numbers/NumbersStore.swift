import Storage
import Wire

/// The SQL of numbers, over a writing or a reading connection.
struct NumbersStore {
  private let db: Connection

  init(_ connection: Connection) { db = connection }

  /// A number in whatever state.
  func find(_ id: RowID) throws -> Number? {
    try db.first(
      """
      SELECT id, phone_number_id, waba_id, meta_app, display_phone_number, verified_name,
        access_token, connected_at, state, reason, quality, rate_per_second
      FROM numbers JOIN number_states ON number_id = id WHERE id = ?
      """, .integer(id.rawValue), transform: Self.number) ?? nil
  }

  /// The number with this id of Meta's that is not removed.
  func find(phoneNumberID: String) throws -> Number? {
    try db.first(
      """
      SELECT id, phone_number_id, waba_id, meta_app, display_phone_number, verified_name,
        access_token, connected_at, state, reason, quality, rate_per_second
      FROM numbers JOIN number_states ON number_id = id WHERE phone_number_id = ? AND state <> 3
      """, .text(phoneNumberID), transform: Self.number) ?? nil
  }

  func list(after: RowID, limit: Int) throws -> [Number] {
    try db.rows(
      """
      SELECT id, phone_number_id, waba_id, meta_app, display_phone_number, verified_name,
        access_token, connected_at, state, reason, quality, rate_per_second
      FROM numbers JOIN number_states ON number_id = id
      WHERE id > ? AND state <> 3 ORDER BY id LIMIT ?
      """, .integer(after.rawValue), .int(limit), transform: Self.number
    ).compactMap { $0 }
  }

  func insert(_ number: Number) throws {
    try db.run(
      """
      INSERT INTO numbers
        (id, phone_number_id, waba_id, meta_app, display_phone_number, verified_name,
         access_token, connected_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      """, .integer(number.id.rawValue), .text(number.phoneNumberID), .text(number.wabaID),
      .text(number.metaApp.rawValue), .text(number.displayPhoneNumber),
      .text(number.verifiedName), .blob(number.sealedToken),
      .integer(number.connectedAt.milliseconds))
    try db.run(
      """
      INSERT INTO number_states (number_id, state, reason, quality, rate_per_second)
      VALUES (?, ?, ?, ?, ?)
      """, .integer(number.id.rawValue), .integer(number.state.rawValue),
      .text(number.stateReason), .text(number.quality), .int(number.ratePerSecond))
  }

  /// Everything of a number but its identifiers and the moment it was connected.
  func replace(_ number: Number) throws {
    try db.run(
      """
      UPDATE numbers SET waba_id = ?, meta_app = ?, display_phone_number = ?, verified_name = ?,
        access_token = ?
      WHERE id = ?
      """, .text(number.wabaID), .text(number.metaApp.rawValue),
      .text(number.displayPhoneNumber), .text(number.verifiedName), .blob(number.sealedToken),
      .integer(number.id.rawValue))
    try update(number)
  }

  /// What changes often.
  func update(_ number: Number) throws {
    try db.run(
      """
      UPDATE number_states SET state = ?, reason = ?, quality = ?, rate_per_second = ?
      WHERE number_id = ?
      """, .integer(number.state.rawValue), .text(number.stateReason), .text(number.quality),
      .int(number.ratePerSecond), .integer(number.id.rawValue))
  }

  func forgetToken(_ id: RowID) throws {
    try db.run("UPDATE numbers SET access_token = x'' WHERE id = ?", .integer(id.rawValue))
  }

  private static func number(_ row: Row) -> Number? {
    guard let state = NumberState(rawValue: row.int64(8)) else { return nil }
    return Number(
      id: RowID(row.int64(0)), phoneNumberID: row.text(1), wabaID: row.text(2),
      metaApp: MetaAppID(trusted: row.text(3)), displayPhoneNumber: row.text(4),
      verifiedName: row.text(5), sealedToken: row.blob(6),
      connectedAt: Timestamp(milliseconds: row.int64(7)), state: state, stateReason: row.text(9),
      quality: row.text(10), ratePerSecond: row.int(11))
  }
}
