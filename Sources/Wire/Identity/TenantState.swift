/// Whether a tenant may act.
public enum TenantState: String, Sendable, CaseIterable, Codable {
  /// Everything works.
  case active
  /// Clients' writes and sends are refused; receipts, refunds and reads go on.
  case suspended
  /// As suspended, by the tenant's or the platform's wish to keep things as they are.
  case readOnly = "read_only"
}

/// The kinds of unique keys that a tenant can hold.
public enum ClaimKind: String, Sendable, CaseIterable, Codable {
  case phoneNumber = "phone_number"
  case waba
  case slug
  case host
}
