import Storage
import Wire

/// One durable record of a tenant's chain, as the oracle compares it with other cells'.
struct ChainLink {
  let tenant: TenantID
  let seq: TenantSeq
  let epoch: Epoch
  let kind: RecordKind
  let hash: SHA256Hash
  /// The tenant's.
  let time: Timestamp
  /// Whether the tenant's file stands at this record after it.
  let touchesFile: Bool

  init(_ identity: RecordIdentity, _ hash: SHA256Hash, touchesFile: Bool) {
    tenant = identity.tenant
    seq = identity.tenantSeq
    epoch = identity.epoch
    kind = identity.kind
    time = identity.time
    self.hash = hash
    self.touchesFile = touchesFile
  }
}
