import Archive
import Wire

/// What a restore came to; the operation's result.
struct RestoreResult: Codable, Hashable, Sendable {
  /// Each is checked before anything is put in place: all true, or there is no result.
  struct Verified: Codable, Hashable, Sendable {
    var chain = true
    var digest = true
    var integrity = true
    var foreignKeys = true
    var media = true

    enum CodingKeys: String, CodingKey {
      case chain, digest, integrity, media
      case foreignKeys = "foreign_keys"
    }
  }

  var restoreID: String
  var mode: String
  var tenantID: String
  var sourceTenantID: String
  /// The last record of the source in the files.
  var tenantSeq: UInt64
  var time: Timestamp
  var lineage: String
  var verified = Verified()
  /// Messages that wait for `POST /v1/restores/{id}/release`.
  var suspended: [String]
  var suspendedCount: Int
  var abandoned: AbandonedRecords
  var snapshot: String
  var records: UInt64
  var bytes: UInt64

  enum CodingKeys: String, CodingKey {
    case mode, time, lineage, verified, suspended, abandoned, snapshot, records, bytes
    case restoreID = "restore_id"
    case tenantID = "tenant_id"
    case sourceTenantID = "source_tenant_id"
    case tenantSeq = "tenant_seq"
    case suspendedCount = "suspended_count"
  }
}

/// What happened after the point that a swap goes back to.
///
/// Facts are kept: money, sends, inbound messages and revocations stay as they are now.
struct AbandonedRecords: Codable, Hashable, Sendable {
  var records: UInt64 = 0
  var topUps = 0
  var topUpMicros: Int64 = 0
  var captures = 0
  var refunds = 0
  var sends = 0
  var inbound = 0
  /// Asked for since, and not sent: suspended.
  var queued = 0
  var campaignsPaused = 0
  var revocations = 0
  var keysCreated = 0

  enum CodingKeys: String, CodingKey {
    case records, captures, refunds, sends, inbound, queued, revocations
    case topUps = "top_ups"
    case topUpMicros = "top_up_micros"
    case campaignsPaused = "campaigns_paused"
    case keysCreated = "keys_created"
  }

  var isEmpty: Bool { self == AbandonedRecords() }
}
