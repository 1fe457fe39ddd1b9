import Storage
import Wire

extension PlatformRows {
  func hasOperator() throws -> Bool {
    try connection.first("SELECT 1 FROM operators LIMIT 1") { _ in true } ?? false
  }

  func operatorOf(tokenHash: [UInt8]) throws -> Operator? {
    try connection.first(
      "SELECT id, token_hash, created_at, revoked_at FROM operators WHERE token_hash = ?1",
      .blob(tokenHash)
    ) { row in
      Operator(
        id: row.text(0), tokenHash: row.blob(1), createdAt: Timestamp(milliseconds: row.int64(2)),
        isRevoked: !row.isNull(3))
    }
  }

  func insert(_ person: Operator) throws {
    try connection.run(
      "INSERT INTO operators (id, token_hash, created_at) VALUES (?1, ?2, ?3)",
      .text(person.id), .blob(person.tokenHash), .integer(person.createdAt.milliseconds))
  }
}
