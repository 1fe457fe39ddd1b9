import Storage

/// A tenant's people, their custom roles, and what they prove themselves with.
enum PeopleSchema {
  static let part = SchemaPart(
    tables: [
      TableDefinition(id: 70, file: .sessions, name: "users"),
      TableDefinition(id: 71, file: .sessions, name: "user_credentials"),
      TableDefinition(id: 72, file: .sessions, name: "roles"),
      TableDefinition(id: 73, file: .sessions, name: "one_time_tokens"),
      TableDefinition(id: 74, file: .sessions, name: "recovery_codes"),
      TableDefinition(id: 75, file: .sessions, name: "mails"),
      TableDefinition(id: 65, file: .sessions, name: "email_changes"),
    ],
    steps: [
      SchemaStep("people-1", file: .sessions, ddl: ddl),
      SchemaStep("people-2", file: .sessions, ddl: emailChanges),
    ])

  private static let emailChanges = """
    -- An address that a person named, until they show that they read letters there.
    CREATE TABLE email_changes (
      hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
      user_id INTEGER NOT NULL,
      email TEXT NOT NULL,
      expires_at INTEGER NOT NULL,
      used_at INTEGER
    ) STRICT;
    CREATE INDEX email_changes_by_user ON email_changes (user_id);
    -- Tokens that an operator was shown: they prove no address.
    ALTER TABLE one_time_tokens ADD COLUMN shown INTEGER;
    """

  private static let ddl = """
    CREATE TABLE users (
      id INTEGER NOT NULL PRIMARY KEY,
      email TEXT NOT NULL,
      -- Of small letters: two spellings are one person.
      email_key TEXT NOT NULL UNIQUE,
      name TEXT NOT NULL,
      role TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('invited', 'active', 'disabled')),
      created_at INTEGER NOT NULL,
      created_by TEXT NOT NULL
    ) STRICT;
    CREATE TABLE user_credentials (
      user_id INTEGER NOT NULL PRIMARY KEY,
      password_hash TEXT,
      email_verified_at INTEGER,
      -- Sealed; in force once confirmed.
      totp_secret BLOB,
      totp_confirmed_at INTEGER,
      totp_last_step INTEGER
    ) STRICT;
    CREATE TABLE roles (
      name TEXT NOT NULL PRIMARY KEY,
      power INTEGER NOT NULL CHECK (power BETWEEN 1 AND 99),
      scopes INTEGER NOT NULL,
      changed_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE one_time_tokens (
      hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
      user_id INTEGER NOT NULL,
      purpose TEXT NOT NULL CHECK (purpose IN ('invitation', 'password_reset')),
      expires_at INTEGER NOT NULL,
      used_at INTEGER
    ) STRICT;
    CREATE INDEX one_time_tokens_by_user ON one_time_tokens (user_id);
    CREATE TABLE recovery_codes (
      user_id INTEGER NOT NULL,
      hash BLOB NOT NULL CHECK (length(hash) = 32),
      used_at INTEGER,
      PRIMARY KEY (user_id, hash)
    ) STRICT;
    -- Letters that wait to be sent.
    CREATE TABLE mails (
      id INTEGER NOT NULL PRIMARY KEY,
      -- Sealed: it holds a token.
      content BLOB NOT NULL,
      created_at INTEGER NOT NULL,
      sent_at INTEGER
    ) STRICT;
    """
}
