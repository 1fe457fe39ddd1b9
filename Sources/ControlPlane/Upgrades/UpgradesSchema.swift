/// What the control plane's store holds of upgrades.
extension PlatformSchema {
  static let upgrades = """
    -- What upgrades and rollbacks were asked for.
    CREATE TABLE upgrades (
      -- The operation.
      id TEXT NOT NULL PRIMARY KEY,
      rollback INTEGER NOT NULL,
      soak_ms INTEGER NOT NULL
    ) STRICT;
    -- The processes that are to run another version: by the replica, which a promotion leaves as it
    -- is.
    CREATE TABLE upgrade_processes (
      operation TEXT NOT NULL,
      replica TEXT NOT NULL,
      cell TEXT NOT NULL,
      follower INTEGER NOT NULL,
      wave INTEGER NOT NULL,
      from_version TEXT NOT NULL,
      to_version TEXT NOT NULL,
      state TEXT NOT NULL CHECK (
        state IN ('planned', 'asked', 'watched', 'confirming', 'done', 'failed', 'skipped')),
      since INTEGER NOT NULL,
      before_requests INTEGER NOT NULL,
      before_failed INTEGER NOT NULL,
      begin_requests INTEGER NOT NULL,
      begin_failed INTEGER NOT NULL,
      seen_requests INTEGER NOT NULL,
      seen_failed INTEGER NOT NULL,
      started_at INTEGER NOT NULL,
      problems TEXT NOT NULL,
      detail TEXT NOT NULL,
      PRIMARY KEY (operation, cell, replica)
    ) STRICT;
    """

  static let mixedRegisters = """
    -- Whether some tenant of the cell waits for no follower, as its primary said last.
    ALTER TABLE registers ADD COLUMN mixed INTEGER;
    """
}
