import Wire

extension ClaimKind {
  /// Whether a cell may claim it for its tenant; the rest is the control plane's own.
  var isClaimedByCells: Bool { self != .slug }
}

/// One unique key and the tenant that holds it.
package struct KeyClaim: Hashable, Sendable {
  package let kind: ClaimKind
  package let key: String
  package let tenant: TenantID
  /// Rises at every change of this key.
  package let version: UInt64
  /// Released keys stay as tombstones, so that a receiver with an older map learns of the release.
  package let isReleased: Bool

  package init(
    kind: ClaimKind, key: String, tenant: TenantID, version: UInt64, isReleased: Bool
  ) {
    self.kind = kind
    self.key = key
    self.tenant = tenant
    self.version = version
    self.isReleased = isReleased
  }
}

/// Compare-and-set of one key.
package enum ClaimRule {
  package enum Decision: Hashable {
    /// Held already (or free already): a repeat changes nothing.
    case unchanged
    case write(KeyClaim)
    case refuse(holder: TenantID)
  }

  package static func claim(
    _ kind: ClaimKind, _ key: String, for tenant: TenantID, current: KeyClaim?, version: UInt64
  ) -> Decision {
    if let current, !current.isReleased {
      return current.tenant == tenant ? .unchanged : .refuse(holder: current.tenant)
    }
    precondition(version > current?.version ?? 0, "versions of a key rise")
    return .write(
      KeyClaim(kind: kind, key: key, tenant: tenant, version: version, isReleased: false))
  }

  package static func release(
    _ kind: ClaimKind, _ key: String, by tenant: TenantID, current: KeyClaim?, version: UInt64
  ) -> Decision {
    // Another's key, or nobody's: there is nothing of this tenant to release.
    guard let current, !current.isReleased, current.tenant == tenant else { return .unchanged }
    precondition(version > current.version, "versions of a key rise")
    return .write(
      KeyClaim(kind: kind, key: key, tenant: tenant, version: version, isReleased: true))
  }
}
