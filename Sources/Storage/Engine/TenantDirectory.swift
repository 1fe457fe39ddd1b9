import Wire

/// Where tenants' files lie in a process's data directory: said here and nowhere else.
public enum TenantDirectory {
  /// The directory of all tenants' directories.
  public static func all(in data: String) -> String { "\(data)/tenants" }

  /// The directory of one tenant's files.
  public static func of(_ tenant: TenantID, in data: String) -> String {
    "\(all(in: data))/\(tenant.rawValue)"
  }
}
