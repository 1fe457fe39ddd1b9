import Storage

/// Where a tenant's alerts go, and how far they went.
enum AlertChannelsSchema {
  static let part = SchemaPart(
    tables: [TableDefinition(id: 64, file: .sessions, name: "alert_channels")],
    steps: [
      SchemaStep(
        "alert-channels-1", file: .sessions,
        ddl: """
          CREATE TABLE alert_channels (
            kind TEXT NOT NULL PRIMARY KEY CHECK (kind IN ('webhook', 'email')),
            -- Sealed: a webhook's secret is in it.
            target BLOB NOT NULL,
            -- Alerts up to this position of the audit log are done.
            delivered INTEGER NOT NULL,
            failures INTEGER NOT NULL,
            failing_since INTEGER,
            retry_at INTEGER,
            last_error TEXT NOT NULL
          ) STRICT;
          """)
    ])
}
