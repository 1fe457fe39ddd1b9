/// What the control plane's store holds of cells that were spread over others.
extension PlatformSchema {
  static let spreads = """
    -- Tenants of lost cells, and where each comes back.
    CREATE TABLE spread_tenants (
      -- The lost cell.
      cell TEXT NOT NULL,
      tenant TEXT NOT NULL,
      -- The last operation that took it on.
      operation TEXT NOT NULL,
      from_epoch INTEGER NOT NULL,
      -- NULL: nowhere yet.
      to_cell TEXT,
      to_epoch INTEGER,
      state TEXT NOT NULL CHECK (state IN ('planned', 'done', 'failed')),
      code TEXT NOT NULL,
      detail TEXT NOT NULL,
      PRIMARY KEY (cell, tenant)
    ) STRICT;
    CREATE INDEX spread_tenants_by_operation ON spread_tenants (operation, state);
    CREATE INDEX spread_tenants_by_tenant ON spread_tenants (tenant);
    """
}
