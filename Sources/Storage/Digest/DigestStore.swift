import Wire

/// The digest of one file by a full scan, on any connection to it.
enum DigestStore {
  static func digest(
    _ connection: Connection, _ tenant: TenantID, _ schema: FileSchema
  ) throws -> Digest {
    let present = Set(
      try connection.rows("SELECT name FROM sqlite_schema WHERE type = 'table'") { $0.text(0) })
    let capture = Capture(connection: connection, tenant: tenant)
    defer {
      connection.capture = nil
      capture.close()
    }
    try capture.register(schema.tables.filter { present.contains($0.name) }, ignoring: [])
    return try capture.scanDigest()
  }
}
