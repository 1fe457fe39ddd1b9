import Wire

/// The platform's unique keys, claimed by compare-and-set in the control plane.
public protocol KeyClaims: Sendable {
  /// Claims `key` for `tenant`; claiming a key again that the tenant already holds succeeds.
  ///
  /// `name` is what the tenant calls it, where it is known: operators may use it too. `app` is the
  /// Meta app through which the key will be used, where one is named. Throws `invalidField` where
  /// there is no such app for this tenant, `numberClaimed` (phone_number, waba) or `conflict` where
  /// another tenant holds the key, and `controlPlaneUnavailable` where nobody can tell.
  func claim(
    _ kind: ClaimKind, _ key: String, for tenant: TenantID, name: String?,
    through app: MetaAppID?
  ) async throws(Failure)

  /// Gives the key back; releasing a key that the tenant does not hold succeeds.
  func release(_ kind: ClaimKind, _ key: String, of tenant: TenantID) async throws(Failure)
}
