import Archive
import Platform
import Storage
import Wire

/// What `/metrics` of a cell says.
struct CellMetrics {
  let configuration: CellConfiguration
  let engine: StorageEngine
  let outbox: OutboxWorker
  let clock: any WallClock
  /// Since when the oldest work of any outbox has been due.
  let oldestDue: Timestamp?
  let holds: (totals: [HoldAges.Key: HoldAges.Amount], unread: Int)
  /// Nil where no archive is configured.
  let archive: ArchiveService?
  /// Parts in the spool; nil where it could not be read, and then no figure is shown.
  let spooled: Int?
  /// How far sealing anew is.
  let resealing: Resealing.Standing
  /// Requests that no security event speaks of.
  let unobserved: Int64
  /// Answered by this process.
  let requests: RequestCounts.Standing
  /// Nil for a cell with one copy.
  var replication: Replication?

  func render() async -> String {
    let text = PrometheusText(labels: [
      ("cell", configuration.id.rawValue), ("version", configuration.version),
    ])
    let metrics = engine.metrics
    var families = storage(metrics) + journal(metrics.journal) + work() + money() + archived()
    families += identity()
    families += followers(await tenantLags())
    families += configuration.watch?.metrics() ?? []
    return text.render(families)
  }

  private func identity() -> [MetricFamily] {
    [
      .gauge(
        "aimstors_reseal_left", "Tenants whose secrets are not sealed with the newest key yet.",
        Int64(resealing.left)),
      .counter(
        "aimstors_resealed_total", "Secrets sealed anew by this process.", resealing.resealed),
      .counter(
        "aimstors_unobserved_requests_total",
        "Requests that no security event speaks of: too many principals at a time.", unobserved),
    ]
  }

  /// How far tenants are behind at the follower that is furthest behind.
  private func tenantLags() async -> TenantLags {
    guard let replication, let journal = engine.journal else { return TenantLags() }
    let through = replication.leastEnd(journal)
    guard through < journal.lastSeq else { return TenantLags() }
    let read = await Blocking.run("lags") { try TenantLags.read(journal, behind: through) }
    return (try? read.get()) ?? TenantLags()
  }

  private func followers(_ tenants: TenantLags) -> [MetricFamily] {
    guard let replication, let journal = engine.journal else { return [] }
    let lags = replication.lags(journal)
    func family(
      _ name: String, _ help: String,
      _ value: (Aimstors_ProtoFollowerLag) -> MetricFamily.Sample.Value
    ) -> MetricFamily {
      MetricFamily(
        name, help, .gauge,
        lags.map { .init(labels: [("follower", $0.replica)], value: value($0)) })
    }
    let waiting = journal.gate.waiting
    return tenants.families(at: Timestamp(milliseconds: clock.milliseconds())) + [
      family("aimstors_replication_lag_records", "Records that a follower has not on its disk.") {
        .integer(Int64(clamping: $0.records))
      },
      family("aimstors_replication_lag_bytes", "Their bytes.") {
        .integer(Int64(clamping: $0.bytes))
      },
      family("aimstors_replication_lag_seconds", "How old the oldest of them is.") {
        .microseconds($0.milliseconds * 1_000)
      },
      .gauge(
        "aimstors_replication_tenants_behind", "Tenants whose last record some follower lacks.",
        Int64(replication.tenantsBehind(engine.heads, journal))),
      .gauge(
        "aimstors_replication_waiting_records", "Records that wait for followers.",
        Int64(waiting.all)),
      .gauge(
        "aimstors_replication_late_records", "Those whose callers heard outcome_unknown.",
        Int64(waiting.late)),
    ]
  }

  private func storage(_ metrics: EngineMetricsSnapshot) -> [MetricFamily] {
    [
      .seconds(
        "aimstors_commit_seconds", "From the beginning of a batch to its COMMIT.",
        metrics.commitLatency),
      .counter("aimstors_commands_total", "Commands run.", Int64(metrics.commands)),
      .counter(
        "aimstors_requests_total", "Requests answered by this process.",
        Int64(clamping: requests.all)),
      .counter(
        "aimstors_failed_requests_total", "Those that failed here: answered with 500 or more.",
        Int64(clamping: requests.failed)),
      .seconds(
        "aimstors_request_seconds", "From an envelope's arrival to its answer.",
        requests.latency),
      .counter(
        "aimstors_batches_total", "Transactions, each of one batch.", Int64(metrics.batches)),
      .gauge(
        "aimstors_mailbox_depth", "Commands waiting in all mailboxes.",
        Int64(metrics.queuedCommands)),
      MetricFamily(
        "aimstors_sheds_total", "Commands turned away unrun, by reason.", .counter,
        EngineMetricsSnapshot.Shed.allCases.map { reason in
          .init(
            labels: [("reason", reason.rawValue)],
            value: .integer(Int64(metrics.sheds[reason] ?? 0)))
        }),
      .gauge("aimstors_open_tenants", "Tenants with open files.", Int64(metrics.openTenants)),
      .gauge("aimstors_tenants", "Tenants of this cell.", Int64(metrics.tenants)),
      .counter(
        "aimstors_replayed_records_total", "Records replayed into files.",
        Int64(metrics.replayedRecords)),
      .counter(
        "aimstors_digest_mismatches_total", "Files that differed from their digest.",
        Int64(metrics.digestMismatches)),
      .counter(
        "aimstors_outcome_unknown_total", "Callers that were told outcome_unknown.",
        Int64(metrics.outcomeUnknown)),
      .counter(
        "aimstors_commit_failures_total", "COMMITs that failed after their record was durable.",
        Int64(metrics.commitFailures)),
      .counter(
        "aimstors_flushes_total", "Files made durable by the flusher.", Int64(metrics.flushes)),
    ]
  }

  private func journal(_ metrics: JournalMetrics) -> [MetricFamily] {
    [
      .counter("aimstors_journal_records_total", "Records appended.", Int64(metrics.records)),
      .counter("aimstors_journal_bytes_total", "Bytes appended.", Int64(metrics.bytes)),
      .counter(
        "aimstors_fsyncs_total", "Syncs of the journal; each makes one group durable.",
        Int64(metrics.synchronizations)),
      .seconds(
        "aimstors_fsync_seconds", "One sync of the journal.", metrics.synchronizeLatency),
      MetricFamily(
        "aimstors_fsync_seconds_total", "Time spent in syncs of the journal.", .counter,
        [.init(value: .microseconds(Int64(metrics.synchronizeNanoseconds / 1_000)))]),
      MetricFamily(
        "aimstors_fsync_slowest_seconds", "The slowest sync since the start.", .gauge,
        [.init(value: .microseconds(Int64(metrics.slowestSynchronizeNanoseconds / 1_000)))]),
      .gauge(
        "aimstors_journal_untrimmed_bytes", "Bytes that a replay would read.",
        Int64(metrics.untrimmedBytes)),
      .gauge(
        "aimstors_journal_queued_records", "Records waiting for a sync.",
        Int64(metrics.queuedRecords)),
    ]
  }

  private func work() -> [MetricFamily] {
    let load = outbox.load
    let now = clock.milliseconds()
    let dueMilliseconds = max(0, now - (oldestDue?.milliseconds ?? now))
    let families: [MetricFamily?] = [
      MetricFamily(
        "aimstors_outbox_age_seconds", "How long the oldest due work has been due.", .gauge,
        [.init(value: .microseconds(dueMilliseconds * 1_000))]),
      .gauge("aimstors_outbox_tenants_sending", "Tenants that send now.", Int64(load.active)),
      .gauge(
        "aimstors_outbox_tenants_waiting", "Tenants waiting for their turn.", Int64(load.queued)),
      spooled.map {
        .gauge("aimstors_spool_parts", "Webhook parts waiting for their owner.", Int64($0))
      },
    ]
    return families.compactMap(\.self)
  }

  /// As the sweep read them last: no file is opened for it.
  private func money() -> [MetricFamily] {
    let currencies = Set(holds.totals.keys.map(\.currency)).sorted { $0.code < $1.code }
    func samples(_ value: (HoldAges.Amount) -> Int64) -> [MetricFamily.Sample] {
      currencies.flatMap { currency in
        HoldAges.Age.allCases.map { age in
          let amount = holds.totals[HoldAges.Key(age: age, currency: currency)]
          return .init(
            labels: [("age", age.rawValue), ("currency", currency.code)],
            value: .integer(value(amount ?? HoldAges.Amount())))
        }
      }
    }
    return [
      MetricFamily(
        "aimstors_holds", "Pending holds, by how old they are at most.", .gauge,
        samples(\.count)),
      MetricFamily(
        "aimstors_held_micros", "What pending holds still hold, by age.", .gauge,
        samples(\.micros)),
      .gauge(
        "aimstors_holds_unread_tenants", "Tenants whose holds were not read since the start.",
        Int64(holds.unread)),
    ]
  }
}
