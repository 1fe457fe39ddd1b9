import Storage
import Wire

/// A record of a tenant, by its place in the chain.
struct MovePosition: Hashable, Sendable {
  var tenantSeq: TenantSeq
  var hash: SHA256Hash
}
