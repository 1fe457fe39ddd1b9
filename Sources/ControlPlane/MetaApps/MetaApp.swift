import Wire

/// One of our Meta apps, its secrets open.
///
/// Never logged, never answered.
struct MetaApp: Hashable, Sendable {
  let id: MetaAppID
  let appSecret: String
  /// Still accepted while Meta changes over.
  let previousAppSecret: String?
  let verifyToken: String
  /// Nil: shared by all tenants.
  let tenant: TenantID?
  let version: UInt64
}

/// The same with its secrets sealed: what is stored.
struct SealedMetaApp: Hashable, Sendable {
  let id: MetaAppID
  let appSecret: [UInt8]
  let previousAppSecret: [UInt8]?
  let verifyToken: [UInt8]
  let tenant: TenantID?
  let version: UInt64

  /// Whether `other` may name this app: it is shared, or bound to that very tenant.
  func isOpen(to other: TenantID) -> Bool { tenant.map { $0 == other } ?? true }
}

extension Sealer {
  private func context(_ id: MetaAppID, _ field: String) -> String { "meta-app/\(id)/\(field)" }

  /// `nonce` is drawn for each secret.
  func seal(_ app: MetaApp, nonce: () -> [UInt8]) throws(SealingError) -> SealedMetaApp {
    var previous: [UInt8]?
    if let secret = app.previousAppSecret {
      previous = try seal(secret, context: context(app.id, "previous"), nonce: nonce())
    }
    return SealedMetaApp(
      id: app.id,
      appSecret: try seal(app.appSecret, context: context(app.id, "secret"), nonce: nonce()),
      previousAppSecret: previous,
      verifyToken: try seal(app.verifyToken, context: context(app.id, "verify"), nonce: nonce()),
      tenant: app.tenant, version: app.version)
  }

  func isCurrent(_ app: SealedMetaApp) -> Bool {
    isCurrent(app.appSecret, context: context(app.id, "secret"))
      && isCurrent(app.verifyToken, context: context(app.id, "verify"))
      && app.previousAppSecret.map { isCurrent($0, context: context(app.id, "previous")) } ?? true
  }

  func open(_ app: SealedMetaApp) throws(SealingError) -> MetaApp {
    var previous: String?
    if let sealed = app.previousAppSecret {
      previous = try open(sealed, context: context(app.id, "previous"))
    }
    return MetaApp(
      id: app.id, appSecret: try open(app.appSecret, context: context(app.id, "secret")),
      previousAppSecret: previous,
      verifyToken: try open(app.verifyToken, context: context(app.id, "verify")),
      tenant: app.tenant, version: app.version)
  }
}
