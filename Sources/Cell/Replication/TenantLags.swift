import Edge
import Platform
import Storage
import Wire

/// How far each tenant is behind at the followers: records, their bytes, the age of the oldest.
///
/// Read from the journal when somebody asks: nothing is counted on a write's path, and where no
/// follower is behind nothing is read.
struct TenantLags: Hashable, Sendable {
  struct Lag: Hashable, Sendable {
    var records = 0
    var bytes = 0
    /// The time of the oldest record.
    var since: Timestamp
  }

  private(set) var byTenant: [TenantID: Lag] = [:]
  /// Whether more waits than was read.
  private(set) var isPartial = false
  private var records = 0
  private var bytes = 0

  /// Takes a record that some follower lacks; false: no more are taken.
  mutating func add(_ tenant: TenantID, bytes size: Int, at time: Timestamp) -> Bool {
    guard records < ReplicationLimits.lagRecords, bytes < ReplicationLimits.lagBytes else {
      isPartial = true
      return false
    }
    records += 1
    bytes += size
    byTenant[tenant, default: Lag(since: time)].records += 1
    byTenant[tenant]?.bytes += size
    return true
  }

  /// The tenants that are furthest behind.
  var furthest: [(tenant: TenantID, lag: Lag)] {
    byTenant.sorted { ($1.value.records, $0.key) < ($0.value.records, $1.key) }
      .prefix(ReplicationLimits.lagTenants).map { ($0.key, $0.value) }
  }

  static func read(_ journal: Journal, behind through: CellSeq) throws(JournalError) -> TenantLags {
    var lags = TenantLags()
    var records = try journal.records(from: through.next)
    while let record = try records.next() {
      let identity = record.identity
      guard lags.add(identity.tenant, bytes: record.payload.count, at: identity.time) else { break }
    }
    return lags
  }

  func families(at now: Timestamp) -> [MetricFamily] {
    func family(
      _ name: String, _ help: String, _ value: (Lag) -> MetricFamily.Sample.Value
    ) -> MetricFamily {
      MetricFamily(
        name, help, .gauge,
        furthest.map { .init(labels: [("tenant", $0.tenant.rawValue)], value: value($0.lag)) })
    }
    return [
      family(
        "aimstors_replication_tenant_lag_records",
        "Records of a tenant that some follower lacks; the tenants furthest behind."
      ) { .integer(Int64($0.records)) },
      family("aimstors_replication_tenant_lag_bytes", "Their bytes.") {
        .integer(Int64($0.bytes))
      },
      family("aimstors_replication_tenant_lag_seconds", "How old the oldest of them is.") {
        .microseconds(max(0, now.milliseconds - $0.since.milliseconds) * 1_000)
      },
      .gauge(
        "aimstors_replication_tenant_lag_partial",
        "1 where more records wait than the tenants' figures count.", isPartial ? 1 : 0),
    ]
  }
}

extension Replication {
  /// What every follower has on its disk.
  func leastEnd(_ journal: Journal) -> CellSeq {
    links.map { $0.current.end?.seq ?? CellSeq(0) }.min() ?? journal.lastSeq
  }

  /// Tenants whose last record is not at every follower.
  func tenantsBehind(_ heads: [TenantID: TenantHead], _ journal: Journal) -> Int {
    let through = leastEnd(journal)
    return heads.values.count { $0.cellSeq > through }
  }
}
