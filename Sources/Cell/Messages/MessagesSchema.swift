import Storage
import Wire

/// The tables of messages: wide rows that are written once, narrow rows that change.
enum MessagesSchema {
  static let part = SchemaPart(
    tables: [
      TableDefinition(id: 250, file: .messages, name: "messages"),
      TableDefinition(id: 251, file: .messages, name: "message_states"),
      TableDefinition(id: 252, file: .messages, name: "message_wamids"),
      TableDefinition(id: 253, file: .messages, name: "message_statuses"),
      TableDefinition(id: 254, file: .messages, name: "message_errors"),
      TableDefinition(id: 255, file: .messages, name: "message_alerts"),
      TableDefinition(id: 256, file: .messages, name: "service_windows"),
      TableDefinition(id: 257, file: .messages, name: "message_traces"),
    ],
    steps: [
      SchemaStep("messages-1", file: .messages, ddl: tables + guards + view),
      SchemaStep("messages-2", file: .messages, ddl: traces),
      SchemaStep("messages-3", file: .messages, ddl: traceColumn),
      SchemaStep("messages-4", file: .messages, ddl: alertsByMessage, level: 5),
    ],
    nextDue: { tx in try MessageQueueStore(tx.file(.messages)).nextDue() })

  /// `party` is a phone number's digits, `user_id` a BSUID; either may be missing.
  ///
  /// `content` is what came, or what a client asked to send, byte for byte; of a campaign's message
  /// it is NULL and written again from the campaign and its recipient. `wamid` here is of incoming
  /// messages.
  private static let tables = """
    CREATE TABLE messages (
      id INTEGER NOT NULL PRIMARY KEY,
      direction INTEGER NOT NULL CHECK (direction IN (0, 1)),
      at INTEGER NOT NULL,
      phone_number_id TEXT NOT NULL,
      type TEXT NOT NULL,
      party TEXT,
      user_id TEXT,
      campaign_id INTEGER,
      content BLOB,
      wamid TEXT,
      context_id TEXT,
      hold_id INTEGER,
      price_id INTEGER,
      price_version INTEGER,
      amount INTEGER,
      market TEXT,
      category INTEGER
    ) STRICT;
    CREATE UNIQUE INDEX messages_incoming ON messages (phone_number_id, wamid, type)
      WHERE direction = 0;
    CREATE INDEX messages_by_wamid ON messages (wamid) WHERE wamid IS NOT NULL;
    CREATE INDEX messages_by_party ON messages (party, id);
    CREATE INDEX messages_by_user ON messages (user_id, id) WHERE user_id IS NOT NULL;
    CREATE INDEX messages_by_campaign ON messages (campaign_id, id)
      WHERE campaign_id IS NOT NULL;
    CREATE TABLE message_states (
      id INTEGER NOT NULL PRIMARY KEY,
      state INTEGER NOT NULL,
      at INTEGER NOT NULL,
      flags INTEGER NOT NULL,
      attempts INTEGER NOT NULL,
      due INTEGER
    ) STRICT;
    CREATE INDEX message_states_due ON message_states (due) WHERE due IS NOT NULL;
    CREATE INDEX message_states_by_state ON message_states (state, id);
    CREATE TABLE message_wamids (
      message_id INTEGER NOT NULL PRIMARY KEY,
      wamid TEXT NOT NULL UNIQUE
    ) STRICT;
    CREATE TABLE message_statuses (
      message_id INTEGER NOT NULL,
      status TEXT NOT NULL,
      participant TEXT NOT NULL,
      at INTEGER NOT NULL,
      received_at INTEGER NOT NULL,
      raw BLOB NOT NULL,
      PRIMARY KEY (message_id, status, participant)
    ) STRICT;
    CREATE TABLE message_errors (
      message_id INTEGER NOT NULL PRIMARY KEY,
      code INTEGER NOT NULL,
      title TEXT NOT NULL,
      details TEXT NOT NULL
    ) STRICT;
    CREATE TABLE message_alerts (
      id INTEGER NOT NULL PRIMARY KEY,
      at INTEGER NOT NULL,
      kind TEXT NOT NULL,
      message_id INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE service_windows (
      phone_number_id TEXT NOT NULL,
      contact TEXT NOT NULL,
      expires_at INTEGER NOT NULL,
      PRIMARY KEY (phone_number_id, contact)
    ) STRICT;

    """

  /// What was received or asked for is never changed; only a placeholder of a status that came
  /// before its message is taken away when the message is known.
  private static let guards = """
    CREATE TRIGGER messages_no_update BEFORE UPDATE ON messages
    BEGIN SELECT RAISE(ABORT, 'messages are never changed'); END;
    CREATE TRIGGER messages_no_delete BEFORE DELETE ON messages
    WHEN OLD.type <> 'unknown' OR OLD.direction = 0
    BEGIN SELECT RAISE(ABORT, 'messages are never deleted'); END;

    """

  /// The trace of the request that asked for a message, 16 bytes, which goes with it to Graph.
  ///
  /// A campaign's messages have none: their trace is their own identifier.
  private static let traceColumn = "ALTER TABLE messages ADD COLUMN trace BLOB;"

  /// Every priced status asks for its message's alerts, and a category that has no price raises one
  /// for each message.
  private static let alertsByMessage =
    "CREATE INDEX message_alerts_by_message ON message_alerts (message_id);"

  /// Where traces stood before they had a column; read by nobody any more.
  private static let traces = """
    CREATE TABLE message_traces (
      message_id INTEGER NOT NULL PRIMARY KEY,
      trace_id TEXT NOT NULL
    ) STRICT;

    """

  private static var view: String {
    let names = MessageState.allCases.map { "WHEN \($0.rawValue) THEN '\($0.name)'" }
    return """
      CREATE VIEW message_status (id, wamid, direction, type, status, at) AS
      SELECT \(PublicID.sql("m.id", .message)), coalesce(w.wamid, m.wamid),
        CASE m.direction WHEN 0 THEN 'inbound' ELSE 'outbound' END, m.type,
        CASE coalesce(s.state, 12) \(names.joined(separator: " ")) END,
        strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(s.at, m.at) / 1000.0, 'unixepoch')
      FROM messages m LEFT JOIN message_states s ON s.id = m.id
        LEFT JOIN message_wamids w ON w.message_id = m.id;

      """
  }
}
