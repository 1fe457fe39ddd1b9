import Storage
import Wire

extension PlatformRows {
  /// Whether the store has a place for it: below format level 3 it does not.
  var hasDurabilities: Bool {
    get throws {
      try connection.first(
        "SELECT 1 FROM sqlite_schema WHERE name = 'tenant_durability'"
      ) { _ in true } ?? false
    }
  }

  func durability(of tenant: TenantID) throws -> TenantDurability {
    guard try hasDurabilities else { return .cell }
    let text = try connection.first(
      "SELECT mode FROM tenant_durability WHERE tenant = ?1", .text(tenant.rawValue)
    ) { $0.text(0) }
    return text.map(TenantDurability.init(stored:)) ?? .cell
  }

  /// Of all tenants that ask for something of their own.
  func durabilities() throws -> [TenantID: TenantDurability] {
    guard try hasDurabilities else { return [:] }
    var modes: [TenantID: TenantDurability] = [:]
    try connection.query("SELECT tenant, mode FROM tenant_durability") { row in
      modes[TenantID(trusted: row.text(0))] = TenantDurability(stored: row.text(1))
    }
    return modes
  }

  /// Whether a tenant of the cell asks for less than its followers' acknowledgement.
  func hasLocalTenant(on cell: CellID) throws -> Bool {
    guard try hasDurabilities else { return false }
    return try connection.first(
      """
      SELECT 1 FROM tenants JOIN tenant_durability ON tenant = id
      WHERE cell = ?1 AND mode = 'local' LIMIT 1
      """, .text(cell.rawValue)
    ) { _ in true } ?? false
  }

  /// Throws `format_ceiling` where a version that does not know of it may still have to read the
  /// store.
  func put(_ durability: TenantDurability, of tenant: TenantID) throws {
    guard try self.durability(of: tenant) != durability else { return }
    guard try hasDurabilities else {
      throw Failure(
        .formatCeiling, "durability: not before the upgrade of all processes has been finished")
    }
    if durability == .cell {
      try connection.run(
        "DELETE FROM tenant_durability WHERE tenant = ?1", .text(tenant.rawValue))
    } else {
      try connection.run(
        """
        INSERT INTO tenant_durability (tenant, mode) VALUES (?1, ?2)
        ON CONFLICT (tenant) DO UPDATE SET mode = excluded.mode
        """, .text(tenant.rawValue), .text(durability.rawValue))
    }
  }

  static let durabilityDDL = """
    -- Tenants that ask for something of their own.
    CREATE TABLE tenant_durability (
      tenant TEXT NOT NULL PRIMARY KEY,
      mode TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    """
}
