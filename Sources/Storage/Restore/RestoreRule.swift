import Wire

/// Whether restored files may become a tenant's.
enum RestoreRule {
  /// Throws `conflict` where the tenant is on its way here from another cell, `epochStale` where it
  /// left and an epoch as high was armed here.
  static func demandRoom(for epoch: Epoch, at head: TenantHead) throws(Failure) {
    switch head.ownership {
    case .owned, .moving: return
    case .importing, .ready:
      throw Failure(.conflict, "the tenant is on its way here from another cell")
    case .released, .refused:
      guard epoch > head.armed else {
        throw Failure(
          .epochStale, "epoch \(epoch.rawValue) is used: \(head.armed.rawValue) was armed here")
      }
    }
  }
}
