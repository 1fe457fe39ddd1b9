import Simulation
import Storage
import Testing
import Wire

@testable import Cell

@Suite("Stable views") struct StableViewsTests {
  @Test(arguments: [
    (
      FileKind.ledger, "ledger_entries",
      ["id", "at", "transfer_id", "account", "currency", "amount_micros", "kind", "source_id"]
    ),
    (FileKind.messages, "message_status", ["id", "wamid", "direction", "type", "status", "at"]),
    (
      FileKind.sessions, "user_sessions",
      ["id", "is_impersonation", "impersonated_by", "created_at", "revoked_at"]
    ),
  ])
  func `a view that outside checks read has its columns`(
    file: FileKind, view: String, columns: [String]
  ) throws {
    var found: [String] = []
    let sql: StaticString = "SELECT name FROM pragma_table_info(?1)"
    let store = try Self.store()
    try store.reading(file).query(sql, .text(view)) { row in found.append(row.text(0)) }
    #expect(found == columns)
  }

  @Test func `a session tells whether an operator acts in it, in public form`() throws {
    let store = try Self.store()
    try store.write(at: Timestamp(seconds: 1)) { tx in
      _ = try tx.file(.sessions).run(
        """
        INSERT INTO sessions (id, impersonated_by, created_at, revoked_at)
        VALUES (1, NULL, 0, NULL), (2, 'opr_1', 1000, 1500)
        """)
    }
    var found: [String] = []
    let sql: StaticString = """
      SELECT concat FROM (SELECT id || ' ' || is_impersonation || ' ' ||
        coalesce(impersonated_by, '-') || ' ' || created_at || ' ' || coalesce(revoked_at, '-')
        AS concat FROM user_sessions ORDER BY id)
      """
    try store.reading(.sessions).query(sql) { row in found.append(row.text(0)) }
    #expect(
      found == [
        "\(RowID(1).text(.session)) 0 - 1970-01-01T00:00:00.000Z -",
        "\(RowID(2).text(.session)) 1 opr_1 1970-01-01T00:00:01.000Z 1970-01-01T00:00:01.500Z",
      ])
  }

  private static func store() throws -> DirectStore {
    try DirectStore(
      tenant: TenantID(trusted: "t1"), schema: CellSchema.schema, directory: nil,
      random: SeededRandomSource(seed: 1))
  }
}
