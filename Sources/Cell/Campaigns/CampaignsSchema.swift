import Storage
import Wire

/// The tables of campaigns.
enum CampaignsSchema {
  static let part = SchemaPart(
    tables: [
      TableDefinition(id: 270, file: .messages, name: "campaigns"),
      TableDefinition(id: 271, file: .messages, name: "campaign_states"),
      TableDefinition(id: 272, file: .messages, name: "campaign_launches"),
      TableDefinition(id: 273, file: .messages, name: "campaign_prices"),
      TableDefinition(id: 274, file: .messages, name: "campaign_counts"),
      TableDefinition(id: 275, file: .messages, name: "campaign_markets"),
      TableDefinition(id: 276, file: .messages, name: "campaign_pages"),
      TableDefinition(id: 277, file: .messages, name: "campaign_recipients"),
    ],
    steps: [
      SchemaStep("campaigns-1", file: .messages, ddl: ddl),
      SchemaStep("campaigns-2", file: .messages, ddl: reserves),
    ],
    nextDue: { tx in
      try CampaignQueueStore(tx.file(.messages)).hasWork()
        ? tx.now : CampaignQueueStore(tx.file(.messages)).nextSchedule()
    })

  /// What is held beyond the prices: per recipient of a market, and for accepted messages whose
  /// final category is not known; NULL, in rows from before, is none.
  private static let reserves = """
    ALTER TABLE campaign_prices ADD COLUMN reserve INTEGER;
    ALTER TABLE campaign_counts ADD COLUMN reserved INTEGER;

    """

  private static let ddl = """
    CREATE TABLE campaigns (
      id INTEGER NOT NULL PRIMARY KEY,
      at INTEGER NOT NULL,
      name TEXT NOT NULL,
      number_id INTEGER NOT NULL,
      phone_number_id TEXT NOT NULL,
      template TEXT NOT NULL,
      language TEXT NOT NULL
    ) STRICT;
    CREATE TABLE campaign_states (
      campaign_id INTEGER NOT NULL PRIMARY KEY,
      state INTEGER NOT NULL,
      since INTEGER NOT NULL,
      scheduled_at INTEGER,
      reason_code INTEGER,
      reason TEXT
    ) STRICT;
    CREATE INDEX campaign_states_active ON campaign_states (state, scheduled_at)
      WHERE state IN (1, 2);
    CREATE TABLE campaign_launches (
      campaign_id INTEGER NOT NULL PRIMARY KEY,
      at INTEGER NOT NULL,
      hold_id INTEGER NOT NULL,
      amount INTEGER NOT NULL,
      category INTEGER NOT NULL,
      template_version INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE campaign_prices (
      campaign_id INTEGER NOT NULL,
      market TEXT NOT NULL,
      price_id INTEGER NOT NULL,
      price_version INTEGER NOT NULL,
      amount INTEGER NOT NULL,
      PRIMARY KEY (campaign_id, market)
    ) STRICT;
    CREATE TABLE campaign_counts (
      campaign_id INTEGER NOT NULL PRIMARY KEY,
      cursor INTEGER NOT NULL,
      recipients INTEGER NOT NULL,
      claimed INTEGER NOT NULL,
      waiting INTEGER NOT NULL,
      sending INTEGER NOT NULL,
      ambiguous INTEGER NOT NULL,
      accepted INTEGER NOT NULL,
      delivered INTEGER NOT NULL,
      read INTEGER NOT NULL,
      failed INTEGER NOT NULL,
      suppressed INTEGER NOT NULL,
      cancelled INTEGER NOT NULL,
      captured INTEGER NOT NULL,
      released INTEGER NOT NULL,
      refunded INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE campaign_markets (
      campaign_id INTEGER NOT NULL,
      market TEXT NOT NULL,
      recipients INTEGER NOT NULL,
      PRIMARY KEY (campaign_id, market)
    ) STRICT;
    CREATE TABLE campaign_pages (
      campaign_id INTEGER NOT NULL,
      page INTEGER NOT NULL,
      chunk INTEGER NOT NULL,
      recipients INTEGER NOT NULL,
      duplicates INTEGER NOT NULL,
      page_hash BLOB NOT NULL,
      is_last INTEGER NOT NULL,
      PRIMARY KEY (campaign_id, page, chunk)
    ) STRICT;
    CREATE TABLE campaign_recipients (
      id INTEGER NOT NULL PRIMARY KEY,
      campaign_id INTEGER NOT NULL,
      party TEXT,
      user_id TEXT,
      components BLOB
    ) STRICT;
    CREATE UNIQUE INDEX campaign_recipients_once
      ON campaign_recipients (campaign_id, coalesce(party, user_id));
    CREATE INDEX campaign_recipients_in_order ON campaign_recipients (campaign_id, id);

    """
}
