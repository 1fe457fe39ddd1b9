import Alerts
import Storage
import Wire

/// The control plane's own store: the pseudo-tenant `_platform` with one file.
public enum PlatformSchema {
  public static let schema = StoreSchema(
    files: [.platform: "platform.sqlite"], parts: [part])

  private static func table(_ id: UInt16, _ name: String) -> TableDefinition {
    TableDefinition(id: id, file: .platform, name: name)
  }

  static let part = SchemaPart(
    tables: [
      table(600, "counters"), table(601, "cells"), table(602, "join_tokens"),
      table(603, "tenants"), table(604, "key_claims"), table(605, "meta_apps"),
      table(606, "send_stops"), table(607, "operations"), table(608, "operators"),
      table(609, "directives"), table(610, "audit"), table(611, "key_names"),
      table(612, "sightings"), table(613, "impersonations"), table(614, "witnessed_logs"),
      table(615, "audit_log"), table(616, "registers"), table(617, "witness_branches"),
      table(620, "restores"), table(621, "moves"), table(622, "rebalances"),
      table(623, "planned_moves"), table(624, "upgrades"),
      table(626, "upgrade_processes"), table(627, "spread_tenants"),
      table(628, "tenant_durability"),
      table(630, "operator_factors"),
      table(631, "operator_recovery_codes"), table(632, "operator_sessions"),
      table(633, "alert_channels"),
    ],
    steps: [
      SchemaStep("platform-1", file: .platform, ddl: ddl),
      SchemaStep("platform-2", file: .platform, ddl: namesAndSightings),
      SchemaStep("platform-identity-1", file: .platform, ddl: identity),
      SchemaStep("platform-registers", file: .platform, ddl: registers),
      SchemaStep("platform-restores-1", file: .platform, ddl: restores),
      SchemaStep("platform-moves-1", file: .platform, ddl: moves),
      SchemaStep("platform-identity-2", file: .platform, ddl: branches),
      SchemaStep("platform-rebalances-1", file: .platform, ddl: rebalances),
      SchemaStep("platform-identity-3", file: .platform, ddl: secondFactors),
      SchemaStep("platform-alerts-1", file: .platform, ddl: AlertChannelsStore.ddl),
      SchemaStep("platform-upgrades-1", file: .platform, ddl: upgrades),
      SchemaStep("platform-registers-2", file: .platform, ddl: mixedRegisters),
      SchemaStep("platform-spreads-1", file: .platform, ddl: spreads),
      SchemaStep(
        "platform-durability-1", file: .platform, ddl: PlatformRows.durabilityDDL, level: 3),
      SchemaStep("platform-operations-1", file: .platform, ddl: operationsIndexes, level: 4),
    ])

  private static let secondFactors = """
    CREATE TABLE operator_factors (
      operator TEXT NOT NULL PRIMARY KEY,
      -- Sealed under the deployment's key.
      secret BLOB NOT NULL,
      confirmed_at INTEGER,
      -- The newest step whose code was used.
      last_step INTEGER,
      failures INTEGER NOT NULL,
      failed_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE operator_recovery_codes (
      operator TEXT NOT NULL,
      hash BLOB NOT NULL CHECK (length(hash) = 32),
      PRIMARY KEY (operator, hash)
    ) STRICT;
    CREATE TABLE operator_sessions (
      id TEXT NOT NULL PRIMARY KEY,
      operator TEXT NOT NULL,
      token_hash BLOB NOT NULL CHECK (length(token_hash) = 32),
      created_at INTEGER NOT NULL,
      expires_at INTEGER NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX operator_sessions_by_token ON operator_sessions (token_hash);
    CREATE INDEX operator_sessions_by_operator ON operator_sessions (operator, created_at);
    """

  private static let branches = """
    -- That a tenant's audit log goes on from an earlier point: who said so, and what it was before.
    CREATE TABLE witness_branches (
      -- The restore's operation, or one of its own where an operator said so.
      id TEXT NOT NULL PRIMARY KEY,
      tenant TEXT NOT NULL,
      reason TEXT NOT NULL,
      accepted_at INTEGER NOT NULL,
      used_at INTEGER,
      -- What the witness had signed of the history that was left.
      checkpoint TEXT
    ) STRICT;
    CREATE INDEX witness_branches_by_tenant ON witness_branches (tenant);
    """

  private static let identity = """
    -- NULL: a super admin, from before there were roles.
    ALTER TABLE operators ADD COLUMN role TEXT;
    ALTER TABLE operators ADD COLUMN name TEXT;
    CREATE TABLE impersonations (
      id TEXT NOT NULL PRIMARY KEY,
      operator TEXT NOT NULL,
      tenant TEXT NOT NULL,
      cell TEXT NOT NULL,
      reason TEXT NOT NULL,
      issued_at INTEGER NOT NULL,
      expires_at INTEGER NOT NULL,
      ended_at INTEGER
    ) STRICT;
    -- What tenants' audit logs were when the witness signed them last.
    CREATE TABLE witnessed_logs (
      tenant TEXT NOT NULL PRIMARY KEY,
      key BLOB NOT NULL,
      checkpoint TEXT NOT NULL,
      at INTEGER NOT NULL
    ) STRICT;
    -- The platform's own log, as the bytes that its tree is built of.
    CREATE TABLE audit_log (
      sequence INTEGER NOT NULL PRIMARY KEY,
      body BLOB NOT NULL,
      leaf BLOB NOT NULL CHECK (length(leaf) = 32)
    ) STRICT;
    CREATE TRIGGER audit_log_stays BEFORE UPDATE ON audit_log
      BEGIN SELECT RAISE(ABORT, 'an audit entry is never changed'); END;
    CREATE TRIGGER audit_log_remains BEFORE DELETE ON audit_log
      BEGIN SELECT RAISE(ABORT, 'an audit entry is never removed'); END;
    """

  private static let registers = """
    -- Who may acknowledge for a cell with replicas; changed by compare-and-set.
    CREATE TABLE registers (
      cell TEXT NOT NULL PRIMARY KEY,
      generation INTEGER NOT NULL,
      primary_replica TEXT NOT NULL,
      -- Separated by spaces.
      promotable TEXT NOT NULL,
      version INTEGER NOT NULL
    ) STRICT;
    """

  private static let namesAndSightings = """
    -- What the holders of keys call them: num_… of a phone_number_id. A name outlives its key, so
    -- that a stop can be lifted under it.
    CREATE TABLE key_names (
      name TEXT NOT NULL PRIMARY KEY,
      kind TEXT NOT NULL,
      key TEXT NOT NULL
    ) STRICT;
    -- Since when a problem of a cell stands, over restarts of both.
    CREATE TABLE sightings (
      cell TEXT NOT NULL,
      code TEXT NOT NULL,
      -- Empty: the cell's own.
      tenant TEXT NOT NULL,
      since INTEGER NOT NULL,
      PRIMARY KEY (cell, code, tenant)
    ) STRICT;
    """

  private static let restores = """
    -- What a restore's operation was asked for.
    CREATE TABLE restores (
      -- The operation.
      id TEXT NOT NULL PRIMARY KEY,
      tenant TEXT NOT NULL,
      -- The tenant that the files become: a new one for a fork.
      target TEXT NOT NULL,
      cell TEXT NOT NULL,
      at TEXT NOT NULL,
      mode TEXT NOT NULL CHECK (mode IN ('fork', 'swap')),
      accept INTEGER NOT NULL,
      released_at INTEGER
    ) STRICT;
    """

  private static let moves = """
    -- Every epoch that was armed for a move, and what became of it.
    CREATE TABLE moves (
      -- The operation.
      id TEXT NOT NULL PRIMARY KEY,
      tenant TEXT NOT NULL,
      from_cell TEXT NOT NULL,
      from_epoch INTEGER NOT NULL,
      to_cell TEXT NOT NULL,
      to_epoch INTEGER NOT NULL,
      cap_ms INTEGER NOT NULL,
      dry_run INTEGER NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('pending', 'done', 'burned')),
      cancelled INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX moves_by_tenant ON moves (tenant, to_epoch);
    CREATE UNIQUE INDEX moves_pending ON moves (tenant) WHERE state = 'pending' AND dry_run = 0;
    """

  private static let rebalances = """
    -- What drains and rebalances were asked for.
    CREATE TABLE rebalances (
      -- The operation.
      id TEXT NOT NULL PRIMARY KEY,
      -- The cell that is emptied; NULL: loads are balanced.
      cell TEXT,
      region TEXT,
      dry_run INTEGER NOT NULL,
      maximum_moves INTEGER NOT NULL
    ) STRICT;
    -- What they planned, and what became of it.
    CREATE TABLE planned_moves (
      operation TEXT NOT NULL,
      tenant TEXT NOT NULL,
      position INTEGER NOT NULL,
      from_cell TEXT NOT NULL,
      to_cell TEXT NOT NULL,
      reason TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('planned', 'moving', 'done', 'failed', 'skipped')),
      -- The move's own operation.
      move TEXT,
      attempts INTEGER NOT NULL,
      not_before INTEGER NOT NULL,
      detail TEXT NOT NULL,
      PRIMARY KEY (operation, tenant)
    ) STRICT;
    """

  /// What runs is asked for with every heartbeat, and operations are kept.
  private static let operationsIndexes = """
    CREATE INDEX operations_running ON operations (kind, id) WHERE state = 'running';
    CREATE INDEX operations_by_subject ON operations (kind, subject, id);
    """

  private static let ddl = """
    CREATE TABLE counters (
      name TEXT NOT NULL PRIMARY KEY,
      value INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE cells (
      id TEXT NOT NULL PRIMARY KEY,
      region TEXT NOT NULL,
      address TEXT NOT NULL,
      generation INTEGER NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('joining', 'active', 'draining', 'retired')),
      version TEXT NOT NULL,
      joined_at INTEGER NOT NULL,
      map_version INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX cells_by_map_version ON cells (map_version);
    CREATE TABLE join_tokens (
      id TEXT NOT NULL PRIMARY KEY,
      hash BLOB NOT NULL,
      cell TEXT,
      region TEXT,
      created_at INTEGER NOT NULL,
      expires_at INTEGER NOT NULL,
      used_by TEXT,
      used_address TEXT
    ) STRICT;
    CREATE INDEX join_tokens_by_hash ON join_tokens (hash);
    CREATE TABLE tenants (
      id TEXT NOT NULL PRIMARY KEY,
      name TEXT NOT NULL,
      slug TEXT NOT NULL,
      region TEXT NOT NULL,
      currency TEXT NOT NULL,
      time_zone TEXT NOT NULL,
      tier TEXT NOT NULL,
      parent TEXT,
      state TEXT NOT NULL CHECK (state IN ('active', 'suspended', 'read_only')),
      reason TEXT NOT NULL,
      -- Whether its cell has said that it holds the tenant durably.
      provisioned INTEGER NOT NULL,
      cell TEXT NOT NULL,
      epoch INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      map_version INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX tenants_by_map_version ON tenants (map_version);
    CREATE INDEX tenants_by_cell ON tenants (cell, tier);
    CREATE TABLE key_claims (
      kind TEXT NOT NULL CHECK (kind IN ('phone_number', 'waba', 'slug', 'host')),
      key TEXT NOT NULL,
      tenant TEXT NOT NULL,
      version INTEGER NOT NULL,
      released INTEGER NOT NULL,
      PRIMARY KEY (kind, key)
    ) STRICT;
    CREATE INDEX key_claims_by_version ON key_claims (version);
    CREATE TABLE meta_apps (
      id TEXT NOT NULL PRIMARY KEY,
      app_secret BLOB NOT NULL,
      previous_app_secret BLOB,
      verify_token BLOB NOT NULL,
      tenant TEXT,
      version INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX meta_apps_by_version ON meta_apps (version);
    CREATE TABLE send_stops (
      scope TEXT NOT NULL CHECK (scope IN ('number', 'tenant', 'cell', 'region', 'platform')),
      id TEXT NOT NULL,
      reason TEXT NOT NULL,
      since INTEGER NOT NULL,
      version INTEGER NOT NULL,
      lifted INTEGER NOT NULL,
      PRIMARY KEY (scope, id)
    ) STRICT;
    CREATE TABLE operations (
      id TEXT NOT NULL PRIMARY KEY,
      kind TEXT NOT NULL,
      subject TEXT NOT NULL,
      state TEXT NOT NULL
        CHECK (state IN ('planned', 'running', 'succeeded', 'failed', 'cancelled')),
      step INTEGER NOT NULL,
      done INTEGER NOT NULL,
      total INTEGER NOT NULL,
      unit TEXT NOT NULL,
      error_code TEXT,
      error_detail TEXT,
      result TEXT,
      created_at INTEGER NOT NULL,
      updated_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE operators (
      id TEXT NOT NULL PRIMARY KEY,
      token_hash BLOB NOT NULL,
      created_at INTEGER NOT NULL,
      revoked_at INTEGER
    ) STRICT;
    CREATE INDEX operators_by_token ON operators (token_hash);
    CREATE TABLE directives (
      cell TEXT NOT NULL,
      kind TEXT NOT NULL CHECK (kind IN ('provision', 'tenant_state', 'send_stop')),
      subject TEXT NOT NULL,
      -- The version of the subject that the cell has to make durable, or a later one.
      version INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      operation TEXT,
      PRIMARY KEY (cell, kind, subject)
    ) STRICT;
    CREATE INDEX directives_by_subject ON directives (kind, subject);
    CREATE INDEX directives_by_operation ON directives (operation);
    CREATE TABLE audit (
      id INTEGER NOT NULL PRIMARY KEY,
      at INTEGER NOT NULL,
      operator TEXT NOT NULL,
      action TEXT NOT NULL,
      subject TEXT NOT NULL,
      detail TEXT NOT NULL,
      trace_id TEXT NOT NULL
    ) STRICT;
    """
}
