import Storage
import Wire

/// What a drill of one store's process came to, as its operation shows it.
public struct DrillReport: Encodable, Sendable {
  struct Entry: Encodable, Sendable {
    let tenantID: String
    let tenantSeq: UInt64?
    let bytes: UInt64
    let records: UInt64
    let milliseconds: Int64
    let matchesServed: Bool?
    let failure: String?

    enum CodingKeys: String, CodingKey {
      case bytes, records, milliseconds, failure
      case tenantID = "tenant_id"
      case tenantSeq = "tenant_seq"
      case matchesServed = "matches_served"
    }
  }

  /// Tenants that came back, each with everything checked.
  let verified: Int
  let failed: Int
  let tenants: [Entry]

  public init(_ results: [DrillResult]) {
    verified = results.count { $0.failure == nil }
    failed = results.count - verified
    tenants = results.map {
      Entry(
        tenantID: $0.tenant.rawValue, tenantSeq: $0.tenantSeq?.rawValue, bytes: $0.bytes,
        records: $0.records, milliseconds: $0.milliseconds, matchesServed: $0.matchesServed,
        failure: $0.failure)
    }
  }
}
