import Wire

/// How an upgrade goes through the cells, and when it must not go on.
///
/// Pure: what was measured is a parameter.
enum UpgradeRule {
  /// A cell, as waves are made of it.
  struct Cell: Hashable {
    let id: CellID
    let tenants: Int
  }

  /// Requests that a cell answered, and those that failed there.
  struct Counts: Hashable, Sendable {
    var requests: UInt64 = 0
    var failed: UInt64 = 0

    /// Hundredths of a percent.
    var rate: UInt64 { failed > 0 ? failed * 10_000 / max(requests, failed) : 0 }

    /// What came since `earlier`; of a process that has started anew, all that it counts.
    func since(_ earlier: Counts) -> Counts {
      guard requests >= earlier.requests, failed >= earlier.failed else { return self }
      return Counts(requests: requests - earlier.requests, failed: failed - earlier.failed)
    }

    static func + (a: Counts, b: Counts) -> Counts {
      Counts(requests: a.requests + b.requests, failed: a.failed + b.failed)
    }
  }

  /// The canary first, then the others in waves, those with the fewest tenants first.
  ///
  /// Where nobody names a canary it is the cell with the fewest tenants that has any: an empty one
  /// shows nothing.
  static func waves(_ cells: [Cell], canary: CellID?, size: Int?) -> [[CellID]] {
    let ordered = cells.sorted { ($0.tenants, $0.id) < ($1.tenants, $1.id) }
    guard
      let first = canary.flatMap({ id in ordered.first { $0.id == id } })
        ?? ordered.first(where: { $0.tenants > 0 }) ?? ordered.first
    else { return [] }
    let rest = ordered.filter { $0.id != first.id }.map(\.id)
    let size = max(1, size ?? (cells.count + 3) / 4)
    let waves = stride(from: 0, to: rest.count, by: size).map {
      Array(rest[$0..<min($0 + size, rest.count)])
    }
    return [[first.id]] + waves
  }

  /// Whether requests fail more than they did: at least ``ControlPlaneLimits/upgradeFailures`` of
  /// them, one in a hundred, and twice the part that failed before in this cell and in all.
  static func isRise(_ now: Counts, before: Counts, everywhere: Counts) -> Bool {
    guard now.failed >= ControlPlaneLimits.upgradeFailures else { return false }
    return now.rate
      > max(ControlPlaneLimits.upgradeFailureRate, 2 * max(before.rate, everywhere.rate))
  }

  /// What a process that `runs` a version runs again after a rollback; nil: nothing is to be done.
  ///
  /// One that runs the version already and was never confirmed is taken along: on trial it would
  /// fall back at some restart.
  static func from(
    runs: String, to version: String, unsettled: PlatformRows.UnsettledProcess?
  ) -> String? {
    guard runs == version else { return runs }
    return unsettled.map { $0.to == version ? $0.from : $0.to }
  }

  /// Problems that were not there before.
  static func news(_ now: Set<String>, before: Set<String>) -> [String] {
    now.subtracting(before).sorted()
  }
}
