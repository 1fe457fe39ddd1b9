import Storage
import Wire

/// The SQL of the marks on what an operator made in the tenant's name.
struct ImpersonatedRowsStore {
  private let ledger: Connection
  private let messages: Connection

  init(_ transaction: Transaction) throws {
    ledger = try transaction.file(.ledger)
    messages = try transaction.file(.messages)
  }

  /// Marks every row whose key is above `floor`.
  func mark(above floor: RowID, session: String, by operatorID: String) throws {
    try ledger.run(
      """
      INSERT INTO impersonated_transfers (transfer_id, session, impersonated_by)
      SELECT id, ?2, ?3 FROM transfers WHERE id > ?1
      """, .integer(floor.rawValue), .text(session), .text(operatorID))
    try messages.run(
      """
      INSERT INTO impersonated_messages (message_id, session, impersonated_by)
      SELECT id, ?2, ?3 FROM messages WHERE id > ?1
      """, .integer(floor.rawValue), .text(session), .text(operatorID))
  }
}
