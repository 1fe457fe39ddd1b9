import Wire

extension TenantID {
  /// The pseudo-tenant that holds the cell's own store; no tenant's name begins so.
  public static let cellStore = TenantID(trusted: "_cell")
}
