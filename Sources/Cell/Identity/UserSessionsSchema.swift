import Storage

/// The sessions of a tenant's users, those included in which an operator acts as one of them.
///
/// Only what outside checks read; the columns of sign-in are added with it.
enum UserSessionsSchema {
  static let part = SchemaPart(
    tables: [TableDefinition(id: 51, file: .sessions, name: "sessions")],
    steps: [
      SchemaStep(
        "user-sessions-1", file: .sessions,
        ddl: """
          CREATE TABLE sessions (
            id INTEGER NOT NULL PRIMARY KEY,
            -- The operator who impersonates; null where the user signed in.
            impersonated_by TEXT CHECK (impersonated_by <> ''),
            created_at INTEGER NOT NULL,
            revoked_at INTEGER
          ) STRICT;

          """ + view)
    ])

  /// The sessions as outside checks see them: pinned names, public identifiers, RFC 3339 times.
  private static let view = """
    CREATE VIEW user_sessions (id, is_impersonation, impersonated_by, created_at, revoked_at) AS
    SELECT \(PublicID.sql("id", .session)), impersonated_by IS NOT NULL, impersonated_by,
      \(time("created_at")), \(time("revoked_at"))
    FROM sessions;

    """

  private static func time(_ column: String) -> String {
    "strftime('%Y-%m-%dT%H:%M:%fZ', \(column) / 1000.0, 'unixepoch')"
  }
}
