import Platform
import Synchronization
import Wire

/// What the archive of one cell's journal says about itself; metrics and problems.
public struct ArchiveStatus: Sendable, Hashable {
  /// The last position in the archive; nil before the first look.
  public var archived: CellSeq?
  public var objects: UInt64 = 0
  public var bytes: UInt64 = 0
  /// Objects that larger ones were made of.
  public var merged: UInt64 = 0
  public var failures: UInt64 = 0
  public var snapshots: UInt64 = 0
  /// From a group's arrival to its object's being read back.
  public var lag = Histogram()
  /// The longest pause that a snapshot made in its tenant's COMMITs, in nanoseconds.
  public var longestPauseNanoseconds: UInt64 = 0
  /// Since when the oldest group waits that is not archived; nil: none waits.
  public var waitingSince: Timestamp?
  /// The oldest last verified restore of any tenant; nil: some tenant has had none.
  public var oldestVerifiedRestore: Timestamp?
  public var drilledTenants = 0
  /// The higher generation that has claimed the journal; nil: none was seen.
  public var fencedBy: Generation?
  public var problems: [ArchiveProblem] = []
}

/// Something about the archive that an operator must look at.
public struct ArchiveProblem: Sendable, Hashable {
  public let code: String
  public let since: Timestamp
  public let detail: String

  /// The page in `docs/runbooks` that says what to do: one for what is done alike.
  public var runbook: String {
    let page =
      switch code {
      case "archive_key_wrong", "archive_of_another_deployment": "archive-key-wrong"
      case "archive_incomplete", "archive_gap", "archive_fenced", "archive_journal_unreadable",
        "archive_tail_abandoned":
        "archive-incomplete"
      case "restore_drill_failed", "restore_drill_late": "restore-drill"
      case "archive_unreachable", "archive_lagging", "archive_refused", "archive_snapshots_failing",
        "archive_merging_failing", "archive_removal_failing":
        "archive-unreachable"
      default: "archive-object-damaged"
      }
    return "docs/runbooks/\(page).md"
  }
}

/// The status as its parts change it.
public final class ArchiveState: Sendable {
  private let state = Mutex(ArchiveStatus())

  public init() {}

  public var status: ArchiveStatus { state.withLock { $0 } }

  func change(_ body: (inout ArchiveStatus) -> Void) { state.withLock { body(&$0) } }

  /// Notes a problem; the first time of each code stays.
  func add(_ code: String, _ detail: String, at now: Timestamp) {
    change { status in
      let since = status.problems.first { $0.code == code }?.since ?? now
      status.problems.removeAll { $0.code == code }
      status.problems.append(ArchiveProblem(code: code, since: since, detail: detail))
    }
  }

  func resolve(_ code: String) { change { $0.problems.removeAll { $0.code == code } } }
}
