import Platform
import Storage
import Wire

/// What this cell's tenants ask of it, measured over a few seconds.
struct LoadSample: Sendable {
  /// How long one sample takes.
  static let duration = Duration.seconds(2)
  /// Tenants that are listed on their own, those that ask most; the others are a sum.
  static let listed = 2_000

  let engine: StorageEngine
  let files: any FileSystem
  let dataDirectory: String

  private struct Counters {
    let at: UInt64
    let commands: UInt64
    let syncNanoseconds: UInt64
    let records: [TenantID: TenantSeq]
  }

  private var counters: Counters {
    let metrics = engine.metrics
    return Counters(
      at: MonotonicTime.nanoseconds(), commands: metrics.commands,
      syncNanoseconds: metrics.journal.synchronizeNanoseconds,
      records: engine.servedHeads.filter { $0.key != .cellStore }.mapValues(\.tenantSeq))
  }

  func take() async throws -> LoadReport {
    let before = counters
    try await Task.sleep(for: Self.duration)
    let after = counters
    let sizes = try await sizes(of: Array(after.records.keys))
    let seconds = Double(after.at - before.at) / 1e9
    var records: [TenantID: UInt64] = [:]
    for (tenant, seq) in after.records {
      // Who arrived meanwhile has no rate yet.
      let earlier = before.records[tenant] ?? seq
      records[tenant] = seq.rawValue - min(earlier.rawValue, seq.rawValue)
    }
    return LoadReport(
      seconds: seconds, commands: after.commands - min(before.commands, after.commands),
      syncNanoseconds: after.syncNanoseconds - min(before.syncNanoseconds, after.syncNanoseconds),
      records: records, sizes: sizes)
  }

  private func sizes(of tenants: [TenantID]) async throws -> [TenantID: UInt64] {
    let (files, data) = (files, dataDirectory)
    return try await Blocking.run("load") {
      var sizes: [TenantID: UInt64] = [:]
      for tenant in tenants {
        let directory = TenantDirectory.of(tenant, in: data)
        guard try files.exists(directory) else { continue }
        for name in try files.list(directory) where name.hasSuffix(".sqlite") {
          // One that moves away meanwhile has no size here.
          guard let file = try? files.open("\(directory)/\(name)", .read) else { continue }
          defer { file.close() }
          sizes[tenant, default: 0] += try file.length()
        }
      }
      return sizes
    }.get()
  }
}

/// A sample as the control plane hears it.
///
/// Commands and the time of fsyncs are counted for the whole cell; each tenant's part of them is
/// its part of the records.
struct LoadReport: Encodable, Sendable {
  struct Entry: Encodable, Sendable {
    let tenant: String
    let operations: Double
    let bytes: UInt64
    let syncMicroseconds: Double

    enum CodingKeys: String, CodingKey {
      case tenant = "tenant_id"
      case operations = "operations_per_second"
      case bytes
      case syncMicroseconds = "sync_us_per_second"
    }
  }

  let seconds: Double
  let tenants: [Entry]
  /// How many are not listed, and what they ask together.
  let others: Int
  let rest: Entry

  init(
    seconds: Double, commands: UInt64, syncNanoseconds: UInt64, records: [TenantID: UInt64],
    sizes: [TenantID: UInt64], listed: Int = LoadSample.listed
  ) {
    let total = Double(max(records.values.reduce(0, +), 1))
    func entry(_ name: String, records: UInt64, bytes: UInt64) -> Entry {
      let part = Double(records) / total
      return Entry(
        tenant: name, operations: part * Double(commands) / max(seconds, 0.001), bytes: bytes,
        syncMicroseconds: part * Double(syncNanoseconds) / 1_000 / max(seconds, 0.001))
    }
    let ordered = records.sorted { a, b in
      let (first, second) = (sizes[a.key] ?? 0, sizes[b.key] ?? 0)
      return (b.value, second, a.key) < (a.value, first, b.key)
    }
    self.seconds = seconds
    tenants = ordered.prefix(listed).map {
      entry($0.key.rawValue, records: $0.value, bytes: sizes[$0.key] ?? 0)
    }
    let unlisted = ordered.dropFirst(listed)
    others = unlisted.count
    rest = entry(
      "", records: unlisted.reduce(0) { $0 + $1.value },
      bytes: unlisted.reduce(0) { $0 + (sizes[$1.key] ?? 0) })
  }
}
