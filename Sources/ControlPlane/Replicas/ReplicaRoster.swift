import Platform
import Synchronization
import Wire

/// What replicas said of themselves last; kept in memory, because they say it every second.
///
/// What named followers have reached is kept in the store besides (`ReachedStore`).
final class ReplicaRoster: Sendable {
  struct Sight: Hashable, Sendable {
    let replica: String
    let generation: Generation
    let address: String
    let isPrimary: Bool
    /// A cell's own process that has nothing while the archive has the cell's journal.
    let isLost: Bool
    /// Whether some record of the cell is acknowledged without followers; nil: it cannot say yet.
    let isMixed: Bool?
    let lastSeq: UInt64
    /// Empty of one from before it was said.
    let version: String
    /// The newest format level that it reads.
    let readsLevel: UInt32
    let followers: [Lag]
    /// What a follower says is wrong with itself.
    let problems: [ReportedProblem]
    let heardAtNanoseconds: UInt64
  }

  /// How far a follower is behind, as its primary sees it.
  struct Lag: Hashable, Sendable {
    let replica: String
    let records: UInt64
    let bytes: UInt64
    let milliseconds: Int64
    /// Whether it is being fed.
    let isConnected: Bool
  }

  /// Who speaks: several machines of one name may say that they have nothing, and none of them is
  /// the one that has something.
  private struct Speaker: Hashable {
    let replica: String
    /// Nil: it has something.
    let emptyAt: String?

    init(_ sight: Sight) {
      replica = sight.replica
      emptyAt = sight.isLost ? sight.address : nil
    }
  }

  private let sights = Mutex<[CellID: [Speaker: Sight]]>([:])
  /// The last record that each promotable follower has had, since it is named.
  private let named = Mutex<[CellID: [String: UInt64]]>([:])
  private let boot: any BootClock

  init(boot: any BootClock) { self.boot = boot }

  func heard(
    _ report: Aimstors_ProtoReplicaReport, of cell: CellID, isFollower: Bool = false
  ) {
    let sight = Sight(
      replica: report.replica, generation: Generation(report.generation),
      address: report.address, isPrimary: report.isPrimary,
      isLost: !report.isPrimary && !isFollower,
      isMixed: report.areModesUnknown ? nil : report.isMixed,
      lastSeq: report.end.seq, version: report.version, readsLevel: max(1, report.readsLevel),
      followers: report.followers.map {
        Lag(
          replica: $0.replica, records: $0.records, bytes: $0.bytes,
          milliseconds: $0.milliseconds, isConnected: $0.connected)
      },
      problems: report.problems.prefix(ControlPlaneLimits.problemsPerCell).map {
        ReportedProblem($0, cell: cell.rawValue)
      }, heardAtNanoseconds: boot.nanoseconds())
    sights.withLock { sights in
      // The same process before it lost its disk, or got one; machines that have gone.
      var others = (sights[cell] ?? [:]).filter { _, other in
        other.replica != sight.replica
          || (other.address != sight.address && (!other.isLost || isHeard(other)))
      }
      others[Speaker(sight)] = sight
      sights[cell] = others
    }
  }

  /// What an earlier process has kept of named followers.
  func know(reached kept: [CellID: [String: UInt64]]) { named.withLock { $0 = kept } }

  /// The last record that each named follower is known to have had.
  func reached() -> [CellID: [String: UInt64]] { named.withLock { $0 } }

  /// A follower has reported, and the register names it or does not: who is not named may be cut.
  func reported(_ replica: String, of cell: CellID, isNamed: Bool) {
    let end = sight(replica, of: cell).flatMap { $0.isPrimary ? nil : $0.lastSeq }
    named.withLock { named in
      let before = named[cell]?[replica]
      named[cell, default: [:]][replica] = isNamed ? [before, end].compactMap(\.self).max() : nil
    }
  }

  /// The last record that a follower which the register names is known to have had.
  ///
  /// Of one that neither this process nor an earlier one has heard it is known that it had some.
  func lastKnown(_ replica: String, of cell: CellID) -> UInt64 {
    let said = sight(replica, of: cell).flatMap { $0.isPrimary ? nil : $0.lastSeq }
    let reached = named.withLock { $0[cell]?[replica] }
    return [said, reached].compactMap(\.self).max() ?? 1
  }

  /// Whether it has less than it had: it came back on an older or empty disk.
  private func hasGoneBack(_ replica: String, of cell: CellID) -> Bool {
    guard let sight = sight(replica, of: cell) else { return false }
    return named.withLock { $0[cell]?[replica] }.map { sight.lastSeq < $0 } ?? false
  }

  /// What it said last; of several of its name the one that has something, while it is heard.
  func sight(_ replica: String, of cell: CellID) -> Sight? {
    let all = sights(of: cell).filter { $0.replica == replica }
    return all.first { !$0.isLost && isHeard($0) }
      ?? all.max { $0.heardAtNanoseconds < $1.heardAtNanoseconds }
  }

  /// The process on whose empty disk the cell can be restored, where one has said so lately.
  ///
  /// `address`: the one that answers there; nil: any, always the same one while all are heard.
  func lost(of cell: CellID, at address: String? = nil) -> Sight? {
    sights(of: cell).first { sight in
      sight.isLost && isHeard(sight) && (address == nil || sight.address == address)
    }
  }

  /// Whether it is a follower of the cell that has said so lately.
  func isFollower(_ replica: String, of cell: CellID) -> Bool {
    guard let sight = sight(replica, of: cell) else { return false }
    return !sight.isPrimary && !sight.isLost && isHeard(sight)
  }

  /// What the cell's followers have said lately of their own copies.
  func followerProblems(of cell: CellID) -> [ReportedProblem] {
    sights(of: cell).filter { !$0.isPrimary && isHeard($0) }.flatMap { sight in
      sight.problems.map { $0.ofFollower(sight.replica) }
    }
  }

  struct Standing: Hashable, Sendable {
    /// A follower that has reported lately.
    let isHeard: Bool
    /// As it said last, it has less than it had, or nothing.
    let lacks: Bool
  }

  func standing(of replica: String, in cell: CellID) -> Standing {
    Standing(
      isHeard: isFollower(replica, of: cell),
      lacks: sight(replica, of: cell)?.isLost == true || hasGoneBack(replica, of: cell))
  }

  /// What was said does not hold any more; the next report says anew.
  func forget(_ sight: Sight, of cell: CellID) {
    sights.withLock { $0[cell]?[Speaker(sight)] = nil }
  }

  /// Whether it has said something lately.
  func isHeard(_ sight: Sight) -> Bool {
    boot.nanoseconds()
      < sight.heardAtNanoseconds
      + UInt64(ControlPlaneLimits.heartbeatTimeoutMilliseconds) * 1_000_000
  }

  /// By name; one whose disk is empty beside the one of its name that has something.
  func sights(of cell: CellID) -> [Sight] {
    sights.withLock { sights in
      (sights[cell] ?? [:]).values.sorted {
        ($0.replica, $0.address) < ($1.replica, $1.address)
      }
    }
  }

  /// Whether the cell's primary feeds this follower, as it said last.
  func isFed(_ replica: String, of cell: CellID) -> Bool {
    sights(of: cell).filter { $0.isPrimary && isHeard($0) }
      .max { $0.generation < $1.generation }?
      .followers.contains { $0.replica == replica && $0.isConnected } ?? false
  }

  /// How far the follower that is furthest behind is, as the primary said last.
  func lag(of cell: CellID) -> Lag? {
    sights(of: cell).filter(\.isPrimary).max { $0.generation < $1.generation }?
      .followers.max { ($0.records, $0.milliseconds) < ($1.records, $1.milliseconds) }
  }
}
