import Archive
import Platform
import Wire

extension CellMetrics {
  /// How far the archive is behind, and when restores were proven last.
  func archived() -> [MetricFamily] {
    guard let archive else { return [] }
    let status = archive.status
    let lag = archive.lag
    let now = clock.milliseconds()
    func seconds(_ name: String, _ help: String, since: Timestamp?) -> MetricFamily {
      let age = max(0, now - (since?.milliseconds ?? now))
      return MetricFamily(name, help, .gauge, [.init(value: .microseconds(age * 1_000))])
    }
    return [
      .gauge(
        "aimstors_archive_lag_records", "Durable records that are not in the archive.",
        Int64(clamping: lag.records)),
      seconds(
        "aimstors_archive_lag_seconds", "How long the oldest of them has waited.",
        since: lag.since),
      .seconds(
        "aimstors_archive_upload_seconds", "From a group's arrival to its object's reading back.",
        status.lag),
      .counter(
        "aimstors_archive_objects_total", "Journal objects stored.", Int64(status.objects)),
      .counter(
        "aimstors_archive_bytes_total", "Bytes of journal stored.", Int64(status.bytes)),
      .counter(
        "aimstors_archive_merged_objects_total",
        "Journal objects that larger ones were made of.", Int64(status.merged)),
      .counter(
        "aimstors_archive_failures_total", "Calls of the archive that failed after their retries.",
        Int64(status.failures)),
      .counter(
        "aimstors_archive_snapshots_total", "Snapshots stored.", Int64(status.snapshots)),
      MetricFamily(
        "aimstors_snapshot_pause_longest_seconds",
        "The longest wait of a tenant's COMMIT for a snapshot.", .gauge,
        [.init(value: .microseconds(Int64(status.longestPauseNanoseconds / 1_000)))]),
      seconds(
        "last_verified_restore_age_seconds",
        "Since the last verified restore of the tenant that was restored longest ago.",
        since: status.oldestVerifiedRestore),
      .gauge(
        "aimstors_drilled_tenants", "Tenants that were restored and verified.",
        Int64(status.drilledTenants)),
    ]
  }
}
