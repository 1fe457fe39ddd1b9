import Storage

/// The table of webhook values that are neither messages nor statuses, as they came.
enum WebhooksSchema {
  static let part = SchemaPart(
    tables: [TableDefinition(id: 280, file: .messages, name: "webhook_events")],
    steps: [SchemaStep("webhooks-1", file: .messages, ddl: ddl)])

  /// The same value delivered again is found by its field, time and bytes.
  private static let ddl = """
    CREATE TABLE webhook_events (
      id INTEGER NOT NULL PRIMARY KEY,
      received_at INTEGER NOT NULL,
      field TEXT NOT NULL,
      waba_id TEXT NOT NULL,
      phone_number_id TEXT NOT NULL,
      entry_time INTEGER NOT NULL,
      quarantine TEXT,
      raw BLOB NOT NULL
    ) STRICT;
    CREATE INDEX webhook_events_by_time ON webhook_events (field, entry_time);

    """
}
