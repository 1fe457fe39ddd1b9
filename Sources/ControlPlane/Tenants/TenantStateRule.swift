import Wire

/// Changes of a tenant's state: any may follow any other, once its cell holds the tenant.
enum TenantStateRule {
  /// What a tenant is called until its cell has made it durable.
  static let provisioning = "provisioning"

  enum Change: Hashable { case unchanged, change }

  static func change(
    _ current: TenantState, to wanted: TenantState, isProvisioned: Bool
  ) throws(Failure) -> Change {
    guard isProvisioned else {
      throw Failure(.invalidState, "the tenant is not provisioned yet; try again")
    }
    return current == wanted ? .unchanged : .change
  }
}
