import COpenSSL
import Platform
import Wire

/// One file's answers under their idempotency keys, in the transaction of the effect they answer.
final class IdempotencyStore {
  /// What is kept under a key.
  enum Found: Hashable {
    case nothing
    /// An answer whose time is over; the next one takes its place.
    case expired
    case answer(StoredAnswer)
    case otherPayload

    /// What whoever comes with the key is answered; nil where the command is to run.
    func stored() throws(Failure) -> StoredAnswer? {
      switch self {
      case .answer(let stored): stored
      case .otherPayload:
        throw Failure(.idempotencyConflict, "this key was used with another payload")
      case .nothing, .expired: nil
      }
    }
  }

  /// Rows looked at for expiry in one step, and how many stored answers lie between two steps.
  static let sweepRows = 64
  static let storesPerSweep = 16
  /// Rows looked at before a key is refused because the table is full.
  static let lastSweepRows = 4_096
  static let commonContentType = "application/json"
  static let isFull = Failure(
    .idempotencyTableFull, "too many idempotency keys are kept; new ones are refused for now",
    retryAfterMilliseconds: 60_000)

  private let connection: Connection
  /// Rows in the table, as of the open transaction; nil until first counted.
  private var count: Int?
  /// Where the sweep goes on: the key after which it looks.
  private var sweptThrough: [UInt8] = []

  init(connection: Connection) { self.connection = connection }

  private var countBeforeCommand: Int?
  private var storesSinceSweep = 0

  func commandBegins() { countBeforeCommand = count }
  func commandUndone() { count = countBeforeCommand }
  func transactionUndone() { count = nil }

  /// 16 bytes of SHA-256 over principal and key: short in the journal, and no client's text in it.
  static func scope(_ claim: IdempotencyClaim) -> [UInt8] {
    Array(SHA256Hash.of(Array("\(claim.principal)\u{0}\(claim.key)".utf8)).bytes.prefix(16))
  }

  func find(_ scope: [UInt8], payload: [UInt8], now: Timestamp) throws -> Found {
    // Broken on purpose in test builds: the command runs again, and its answer takes this place.
    if Sabotage.forgetDedupe.isOn { return .expired }
    return try connection.first(
      """
      SELECT payload, expires_at, status, body, content_type FROM aimstors_idempotency
      WHERE scope = ?
      """, .blob(scope)
    ) { row in
      guard row.int64(1) > now.milliseconds else { return .expired }
      guard row.blob(0) == Array(payload.prefix(16)) else { return .otherPayload }
      return .answer(
        StoredAnswer(
          status: row.int(2), contentType: row.optionalText(4) ?? Self.commonContentType,
          body: row.blob(3)))
    } ?? .nothing
  }

  /// Stores an answer, in the place of an expired one where `isReplacing`.
  ///
  /// Where `bound` rows are not yet expired it is left out if it `mayGoUnkept`, else throws
  /// `idempotencyTableFull`.
  func store(
    _ answer: StoredAnswer, _ scope: [UInt8], payload: [UInt8], expires: Timestamp, now: Timestamp,
    bound: Int, isReplacing: Bool, mayGoUnkept: Bool
  ) throws {
    var rows = try counted()
    storesSinceSweep += 1
    if storesSinceSweep >= Self.storesPerSweep {
      storesSinceSweep = 0
      rows -= try sweep(now, rows: Self.sweepRows)
    }
    if rows >= bound { rows -= try sweep(now, rows: Self.lastSweepRows) }
    count = rows
    guard rows < bound else {
      if mayGoUnkept { return }
      throw Self.isFull
    }
    // The sweep may have been there first.
    let replaced =
      isReplacing
      ? try connection.run("DELETE FROM aimstors_idempotency WHERE scope = ?", .blob(scope)) : 0
    try connection.run(
      """
      INSERT INTO aimstors_idempotency (scope, payload, expires_at, status, body, content_type)
      VALUES (?, ?, ?, ?, ?, ?)
      """, .blob(scope), .blob(Array(payload.prefix(16))), .integer(expires.milliseconds),
      .int(answer.status), .blob(answer.body),
      answer.contentType == Self.commonContentType ? .null : .text(answer.contentType))
    count = rows + 1 - replaced
  }

  private func counted() throws -> Int {
    if let count { return count }
    let rows = try connection.first("SELECT count(*) FROM aimstors_idempotency") { $0.int(0) } ?? 0
    count = rows
    return rows
  }

  /// Looks at the next rows by key and removes the expired ones; answers how many.
  private func sweep(_ now: Timestamp, rows limit: Int) throws -> Int {
    var looked = 0
    var expired: [[UInt8]] = []
    try connection.query(
      """
      SELECT scope, expires_at FROM aimstors_idempotency WHERE scope > ? ORDER BY scope LIMIT ?
      """, .blob(sweptThrough), .int(limit)
    ) { row in
      looked += 1
      if row.int64(1) <= now.milliseconds { expired.append(row.blob(0)) }
      if looked == limit { sweptThrough = row.blob(0) }
    }
    if looked < limit { sweptThrough = [] }
    for scope in expired {
      try connection.run("DELETE FROM aimstors_idempotency WHERE scope = ?", .blob(scope))
    }
    return expired.count
  }
}
