import Storage
import Wire

/// The SQL of customer service windows: the 24 hours after a user wrote to a number.
struct ServiceWindowStore {
  private let db: Connection

  init(_ connection: Connection) { db = connection }

  /// Opens or extends the 24 hours in which anything may be sent to a contact.
  ///
  /// Never shortens.
  func open(_ phoneNumberID: String, contact: String, until: Timestamp) throws {
    try db.run(
      """
      INSERT INTO service_windows (phone_number_id, contact, expires_at) VALUES (?1, ?2, ?3)
      ON CONFLICT (phone_number_id, contact) DO UPDATE SET expires_at = ?3 WHERE expires_at < ?3
      """, .text(phoneNumberID), .text(contact), .integer(until.milliseconds))
  }

  /// When the window of a contact closes; nil where the contact never wrote to this number.
  func expiry(_ phoneNumberID: String, contact: String) throws -> Timestamp? {
    try db.first(
      "SELECT expires_at FROM service_windows WHERE phone_number_id = ? AND contact = ?",
      .text(phoneNumberID), .text(contact)
    ) { Timestamp(milliseconds: $0.int64(0)) }
  }
}
