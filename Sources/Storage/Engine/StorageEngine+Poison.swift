import Wire

/// Tenants that crash the process: who is named while work runs, and whom nobody works for.
extension StorageEngine {
  /// Marks who is worked for where the engine's own threads do not; nil: crashes are not counted.
  public var runningTenants: RunningTenants? { (try? running())?.context.running }

  /// Throws `tenantStopped` where the tenant is in quarantine here.
  ///
  /// Also of one that this cell does not have: its restore or its import may be what ended the
  /// process, and whoever ordered it asks again once the process is back.
  public func demandUnquarantined(_ tenant: TenantID) throws(Failure) {
    let problems = (try? running())?.context.problems
    guard problems?.find(Problem.quarantineCode, tenant) != nil else { return }
    throw Failure(
      .tenantStopped,
      "\(tenant) is in quarantine in this cell until it is released: \(Problem.quarantineRunbook)")
  }
}
