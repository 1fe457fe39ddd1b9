import Storage
import Wire

/// The SQL of contacts, over a writing or a reading connection.
struct ContactsStore {
  private let db: Connection

  /// Merges that a lookup follows; a merged contact never gets another merged into it.
  private static let longestChain = 64

  init(_ connection: Connection) { db = connection }

  func find(_ id: RowID) throws -> Contact? {
    try db.first(
      """
      SELECT id, wa_id, user_id, name, created_at, merged_into, opted_out
      FROM contacts LEFT JOIN contact_consents ON contact_id = id WHERE id = ?
      """, .integer(id.rawValue), transform: Self.contact)
  }

  /// A contact, or the one that it was merged into.
  func following(_ id: RowID) throws -> Contact? {
    var contact = try find(id)
    for _ in 0..<Self.longestChain {
      guard let next = contact?.mergedInto else { return contact }
      contact = try find(next)
    }
    return contact
  }

  func find(waID: String) throws -> Contact? {
    try db.first(
      """
      SELECT id, wa_id, user_id, name, created_at, merged_into, opted_out
      FROM contacts LEFT JOIN contact_consents ON contact_id = id WHERE wa_id = ?
      """, .text(waID), transform: Self.contact)
  }

  func find(userID: String) throws -> Contact? {
    try db.first(
      """
      SELECT id, wa_id, user_id, name, created_at, merged_into, opted_out
      FROM contacts LEFT JOIN contact_consents ON contact_id = id WHERE user_id = ?
      """, .text(userID), transform: Self.contact)
  }

  /// Contacts that were not merged away, oldest first; with `tag` only those that have it.
  func list(after: RowID, tag: String?, limit: Int) throws -> [Contact] {
    try db.rows(
      """
      SELECT id, wa_id, user_id, name, created_at, merged_into, opted_out
      FROM contacts LEFT JOIN contact_consents ON contact_id = id
      WHERE id > ?1 AND merged_into IS NULL
        AND (?2 IS NULL OR EXISTS
          (SELECT 1 FROM contact_tags t WHERE t.contact_id = contacts.id AND t.tag = ?2))
      ORDER BY id LIMIT ?3
      """, .integer(after.rawValue), .optional(tag), .int(limit), transform: Self.contact)
  }

  func insert(_ contact: Contact) throws {
    try db.run(
      "INSERT INTO contacts (id, wa_id, user_id, name, created_at) VALUES (?, ?, ?, ?, ?)",
      .integer(contact.id.rawValue), .optional(contact.waID), .optional(contact.userID),
      .text(contact.name), .integer(contact.createdAt.milliseconds))
  }

  func update(_ contact: Contact) throws {
    try db.run(
      "UPDATE contacts SET wa_id = ?, user_id = ?, name = ?, merged_into = ? WHERE id = ?",
      .optional(contact.waID), .optional(contact.userID), .text(contact.name),
      .optional(contact.mergedInto?.rawValue), .integer(contact.id.rawValue))
  }

  func setConsent(_ contact: Contact, at: Timestamp) throws {
    try db.run(
      """
      INSERT INTO contact_consents (contact_id, opted_out, at) VALUES (?, ?, ?)
      ON CONFLICT (contact_id) DO UPDATE SET opted_out = excluded.opted_out, at = excluded.at
      """, .integer(contact.id.rawValue), .integer(contact.optedOut ? 1 : 0),
      .integer(at.milliseconds))
  }

  func tags(of id: RowID) throws -> [String] {
    try db.rows(
      "SELECT tag FROM contact_tags WHERE contact_id = ? ORDER BY tag", .integer(id.rawValue)
    ) { $0.text(0) }
  }

  func addTag(_ tag: String, to id: RowID) throws {
    try db.run(
      "INSERT INTO contact_tags (contact_id, tag) VALUES (?, ?)", .integer(id.rawValue),
      .text(tag))
  }

  func removeTag(_ tag: String, from id: RowID) throws {
    try db.run(
      "DELETE FROM contact_tags WHERE contact_id = ? AND tag = ?", .integer(id.rawValue),
      .text(tag))
  }

  private static func contact(_ row: Row) -> Contact {
    Contact(
      id: RowID(row.int64(0)), waID: row.optionalText(1), userID: row.optionalText(2),
      name: row.text(3), optedOut: row.optionalInt64(6) == 1,
      createdAt: Timestamp(milliseconds: row.int64(4)),
      mergedInto: row.optionalInt64(5).map { RowID($0) })
  }
}
