import Storage

/// The pairs of tokens of a session; ``UserSessionsSchema`` has the sessions themselves.
enum SessionTokensSchema {
  static let part = SchemaPart(
    tables: [
      TableDefinition(id: 76, file: .sessions, name: "session_tokens"),
      TableDefinition(id: 77, file: .sessions, name: "session_ends"),
    ],
    steps: [SchemaStep("session-tokens-1", file: .sessions, ddl: ddl)])

  private static let ddl = """
    ALTER TABLE sessions ADD COLUMN user_id INTEGER;
    ALTER TABLE sessions ADD COLUMN expires_at INTEGER;
    ALTER TABLE sessions ADD COLUMN address TEXT;
    ALTER TABLE sessions ADD COLUMN agent TEXT;
    -- Of an impersonation: the grant, used once, and why.
    ALTER TABLE sessions ADD COLUMN grant_id TEXT;
    ALTER TABLE sessions ADD COLUMN reason TEXT;
    CREATE INDEX sessions_by_user ON sessions (user_id);
    CREATE UNIQUE INDEX sessions_by_grant ON sessions (grant_id);
    CREATE TABLE session_tokens (
      id INTEGER NOT NULL PRIMARY KEY,
      session_id INTEGER NOT NULL,
      public_id TEXT NOT NULL UNIQUE,
      access_hash BLOB NOT NULL CHECK (length(access_hash) = 32),
      access_expires_at INTEGER NOT NULL,
      -- NULL: this session is not renewed.
      refresh_hash BLOB CHECK (length(refresh_hash) = 32),
      refresh_expires_at INTEGER,
      used_at INTEGER,
      -- The pair that followed, sealed under a key made of this refresh token.
      successor BLOB,
      successor_id INTEGER
    ) STRICT;
    CREATE INDEX session_tokens_by_session ON session_tokens (session_id);
    CREATE TABLE session_ends (
      session_id INTEGER NOT NULL PRIMARY KEY,
      reason TEXT NOT NULL,
      ended_by TEXT NOT NULL
    ) STRICT;
    """
}
