import Storage
import Wire

extension PlatformRows {
  /// What changed after `version`, as of this read; Meta apps still sealed.
  func mapChanges(after version: UInt64) throws -> (changes: MapChanges, apps: [SealedMetaApp]) {
    var changes = MapChanges()
    changes.version = try self.version()
    guard changes.version > version else { return (changes, []) }
    changes.cells = try cells(changedAfter: version)
    changes.tenants = try tenants(changedAfter: version).filter(\.isProvisioned)
    changes.claims = try claims(changedAfter: version)
    return (changes, try metaApps(changedAfter: version))
  }
}
