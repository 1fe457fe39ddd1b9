import Storage
import Wire

extension PlatformRows {
  func metaApp(_ id: MetaAppID) throws -> SealedMetaApp? {
    try connection.first(
      """
      SELECT id, app_secret, previous_app_secret, verify_token, tenant, version
      FROM meta_apps WHERE id = ?1
      """, .text(id.rawValue), transform: Self.metaApp)
  }

  func metaApps(changedAfter version: UInt64) throws -> [SealedMetaApp] {
    try connection.rows(
      """
      SELECT id, app_secret, previous_app_secret, verify_token, tenant, version
      FROM meta_apps WHERE version > ?1 ORDER BY version
      """, .integer(Int64(bitPattern: version)), transform: Self.metaApp)
  }

  func put(_ app: SealedMetaApp) throws {
    try connection.run(
      """
      INSERT INTO meta_apps (id, app_secret, previous_app_secret, verify_token, tenant, version)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6)
      ON CONFLICT (id) DO UPDATE SET
        app_secret = excluded.app_secret, previous_app_secret = excluded.previous_app_secret,
        verify_token = excluded.verify_token, tenant = excluded.tenant, version = excluded.version
      """,
      .text(app.id.rawValue), .blob(app.appSecret), .optional(app.previousAppSecret),
      .blob(app.verifyToken), .optional(app.tenant?.rawValue),
      .integer(Int64(bitPattern: app.version)))
  }

  private static func metaApp(_ row: Row) -> SealedMetaApp {
    SealedMetaApp(
      id: MetaAppID(trusted: row.text(0)), appSecret: row.blob(1),
      previousAppSecret: row.optionalBlob(2), verifyToken: row.blob(3),
      tenant: row.optionalText(4).map(TenantID.init(trusted:)),
      version: UInt64(bitPattern: row.int64(5)))
  }
}
