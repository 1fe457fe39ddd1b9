import Cryptography
import Storage
import Trust
import Wire

/// The SQL of security events.
struct SecurityEventsStore {
  /// Events kept of one tenant; the oldest go.
  static let kept = 10_000
  /// Origins of one kind remembered of one principal; those not seen for longest go.
  static let origins = 64

  enum Origin: Int64 {
    case address = 1
    case agent = 2
  }

  private let db: Connection

  init(_ transaction: Transaction) throws { db = try transaction.file(.sessions) }
  init(_ snapshot: Snapshot) { db = snapshot.file(.sessions) }

  func insert(_ id: RowID, _ event: SecurityEvent) throws {
    try db.run(
      "INSERT INTO security_events (id, principal, body) VALUES (?, ?, ?)",
      .integer(id.rawValue), .text(event.principal), .blob(event.json))
  }

  /// Before `id`, the newest first; of one principal where it is named.
  func list(before id: RowID, principal: String?, limit: Int) throws -> [(RowID, SecurityEvent)] {
    try db.rows(
      """
      SELECT id, body FROM security_events WHERE id < ?1 AND (?2 IS NULL OR principal = ?2)
      ORDER BY id DESC LIMIT ?3
      """, .integer(id.rawValue), .optional(principal), .int(limit)
    ) { row in SecurityEvent(json: row.blob(1)).map { (RowID(row.int64(0)), $0) } }
    .compactMap { $0 }
  }

  /// Notes where a principal came from; answers how many of these it never came from before.
  func note(
    _ values: Set<String>, _ origin: Origin, of principal: String, at now: Timestamp
  ) throws -> Int64 {
    var fresh: Int64 = 0
    for value in values.sorted() {
      let hash = Self.hash(value, principal)
      let known =
        try db.first(
          "SELECT seen_at FROM known_origins WHERE principal = ? AND kind = ? AND hash = ?",
          .text(principal), .integer(origin.rawValue), .blob(hash)
        ) { $0.int64(0) }
      // Written once a day at most for an origin that is known.
      if let known, now.milliseconds - known < 86_400_000 { continue }
      if known == nil { fresh += 1 }
      try db.run(
        """
        INSERT INTO known_origins (principal, kind, hash, seen_at) VALUES (?, ?, ?, ?)
        ON CONFLICT (principal, kind, hash) DO UPDATE SET seen_at = excluded.seen_at
        """, .text(principal), .integer(origin.rawValue), .blob(hash),
        .integer(now.milliseconds))
    }
    if fresh > 0 { try forgetOldest(origin, of: principal) }
    return fresh
  }

  private func forgetOldest(_ origin: Origin, of principal: String) throws {
    try db.run(
      """
      DELETE FROM known_origins WHERE principal = ?1 AND kind = ?2 AND hash IN
        (SELECT hash FROM known_origins WHERE principal = ?1 AND kind = ?2
         ORDER BY seen_at DESC, hash LIMIT -1 OFFSET ?3)
      """, .text(principal), .integer(origin.rawValue), .int(Self.origins))
  }

  /// Removes the oldest beyond `kept`.
  func trim(to kept: Int = SecurityEventsStore.kept) throws {
    try db.run(
      """
      DELETE FROM security_events WHERE id <=
        (SELECT id FROM security_events ORDER BY id DESC LIMIT 1 OFFSET ?)
      """, .int(kept))
  }

  func count() throws -> Int {
    try db.first("SELECT count(*) FROM security_events") { $0.int(0) } ?? 0
  }

  /// The value itself is not kept: an address book of everybody's people is nobody's need.
  private static func hash(_ value: String, _ principal: String) -> [UInt8] {
    Array(SHA256Digest.of(Array("\(principal)\n\(value)".utf8)).prefix(16))
  }
}
