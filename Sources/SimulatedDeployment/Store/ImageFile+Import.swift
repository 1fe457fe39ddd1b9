import Storage
import Wire

/// An image that came from another cell, in the place of what was here.
extension ImageFile {
  /// Where a copy waits for its record, under the epoch that it comes with.
  static func prepared(_ directory: String, _ tenant: TenantID, _ epoch: Epoch) -> String {
    "\(directory)/\(tenant).\(epoch.rawValue)"
  }

  /// Puts a durable copy into the tenant's place; done in part before, it goes on.
  ///
  /// What lay there is older: whoever owned the tenant since has all of it.
  func install(from copy: String) throws {
    // The frames first: none of them may come to stand behind another base.
    if try files.exists(log) { try files.remove(log) }
    try files.synchronizeDirectory(Self.directory(of: log))
    try files.rename(copy, to: base)
    try files.synchronizeDirectory(Self.directory(of: base))
    try files.synchronizeDirectory(Self.directory(of: copy))
  }

  /// Removes what is here of a tenant.
  func remove() throws {
    for path in [log, base] where try files.exists(path) { try files.remove(path) }
    try files.synchronizeDirectory(Self.directory(of: base))
  }
}
