import Platform
import Synchronization
import Wire

/// What replicas said of themselves last; kept in memory, because they say it every second.
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

  private let sights = Mutex<[CellID: [String: Sight]]>([:])
  /// The last record that each promotable follower has had, since it is named.
  private let reached = Mutex<[CellID: [String: UInt64]]>([:])
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
    sights.withLock { $0[cell, default: [:]][report.replica] = sight }
  }

  /// A follower has reported, and the register names it or does not: who is not named may be cut.
  func reported(_ replica: String, of cell: CellID, isNamed: Bool) {
    let end = sight(replica, of: cell).flatMap { $0.isPrimary ? nil : $0.lastSeq }
    reached.withLock { reached in
      let before = reached[cell]?[replica]
      reached[cell, default: [:]][replica] =
        isNamed ? [before, end].compactMap(\.self).max() : nil
    }
  }

  /// The last record that a follower which the register names is known to have had.
  ///
  /// Of one that this process has not heard it is known that it had some.
  func lastKnown(_ replica: String, of cell: CellID) -> UInt64 {
    let said = sight(replica, of: cell).flatMap { $0.isPrimary ? nil : $0.lastSeq }
    let reached = reached.withLock { $0[cell]?[replica] }
    return [said, reached].compactMap(\.self).max() ?? 1
  }

  /// Whether it has less than it had: it came back on an older or empty disk.
  private func hasGoneBack(_ replica: String, of cell: CellID) -> Bool {
    guard let sight = sight(replica, of: cell) else { return false }
    return reached.withLock { $0[cell]?[replica] }.map { sight.lastSeq < $0 } ?? false
  }

  func sight(_ replica: String, of cell: CellID) -> Sight? {
    sights.withLock { $0[cell]?[replica] }
  }

  /// The process on whose empty disk the cell can be restored, where one has said so lately.
  ///
  /// `address`: the one that answers there; nil: any.
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
  func forget(_ replica: String, of cell: CellID) {
    sights.withLock { $0[cell]?[replica] = nil }
  }

  /// Whether it has said something lately.
  func isHeard(_ sight: Sight) -> Bool {
    boot.nanoseconds()
      < sight.heardAtNanoseconds
      + UInt64(ControlPlaneLimits.heartbeatTimeoutMilliseconds) * 1_000_000
  }

  func sights(of cell: CellID) -> [Sight] {
    sights.withLock { $0[cell]?.values.sorted { $0.replica < $1.replica } ?? [] }
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
