import Wire

/// Since when each problem of a cell stands, over restarts of the cell and of this process.
///
/// Decides what to remember; holds no lock, does no I/O. A problem of a silent cell stays: nobody
/// has said that it is over.
struct ProblemSightings: Hashable, Sendable {
  struct Key: Hashable, Sendable {
    let cell: CellID
    let code: String
    /// Empty: the cell's own.
    let tenant: String
  }

  /// What has to be stored for memory and store to agree.
  struct Changes: Hashable, Sendable {
    var began: [Key: Timestamp] = [:]
    var ended: Set<Key> = []

    var isEmpty: Bool { began.isEmpty && ended.isEmpty }
  }

  static let unreachable = "cell_unreachable"

  private(set) var since: [Key: Timestamp]

  init(_ since: [Key: Timestamp] = [:]) { self.since = since }

  /// When a problem that is reported now began: its cell, restarted, may know it for a moment only.
  func began(_ problem: ReportedProblem, of cell: CellID) -> Timestamp {
    let key = Key(cell: cell, code: problem.code, tenant: problem.tenant ?? "")
    return min(problem.since, since[key] ?? problem.since)
  }

  /// Since when nothing has been heard of a cell; nil where that is not remembered.
  func silence(of cell: CellID) -> Timestamp? {
    since[Key(cell: cell, code: Self.unreachable, tenant: "")]
  }

  /// What changes with what the roster sees now.
  func changes(_ sights: [CellRoster.Sight], startedAt: Timestamp) -> Changes {
    var changes = Changes()
    for sight in sights {
      let cell = sight.record.id
      var current: [Key: Timestamp] = [:]
      if sight.record.state != .retired {
        if sight.isAlive {
          // Expected, and not heard yet: it says nothing about what was.
          guard sight.isHeard else { continue }
          for problem in sight.report.problems {
            let key = Key(cell: cell, code: problem.code, tenant: problem.tenant ?? "")
            current[key] = min(problem.since, current[key] ?? problem.since)
          }
        } else {
          let key = Key(cell: cell, code: Self.unreachable, tenant: "")
          current[key] = sight.lastHeard ?? startedAt
        }
      }
      for (key, at) in current where since[key] == nil { changes.began[key] = at }
      guard sight.isAlive || sight.record.state == .retired else { continue }
      for key in since.keys where key.cell == cell && current[key] == nil {
        changes.ended.insert(key)
      }
    }
    return changes
  }

  mutating func apply(_ changes: Changes) {
    since.merge(changes.began) { known, _ in known }
    for key in changes.ended { since[key] = nil }
  }
}
