import Logging
import Platform
import Storage
import Wire

/// What a follower wrote while another replica took over, or took from who had been replaced: it is
/// cut off its journal by the next start.
extension FollowerNode {
  /// Holds the journal until a primary feeds it: that one may first have it cut, behind a group
  /// that must still be there.
  static let unfedPin = "unfed"

  /// Whether this replica is to be started anew, because its journal is to be cut.
  public var mustRestart: Bool { state.withLock { $0.replica.cut != nil } }

  /// Notes durably that the journal is to be cut, and ends ``run()``: the next start does it.
  ///
  /// Throws `conflict` where another group is in its place, and where something behind it is not of
  /// an earlier generation than the primary's, `generation`: what one generation acknowledged is
  /// never taken away, both copies stop (architecture, "Replication"). Throws
  /// `restore_point_missing` where that group was trimmed, `conflict` where it is the first.
  func plan(cutAfter end: JournalEnd, for generation: Generation) throws(Failure) {
    // By number and hash: at the primary another position may follow it.
    guard let journal = engine.journal, let own = try self.end(ofGroup: end.group, journal) else {
      throw Self.trimmed(end)
    }
    guard own.hash == end.hash else {
      throw Failure(.conflict, "group \(end.group) is another one here")
    }
    if let latest = try lastGeneration(behind: own.seq, journal), latest >= generation {
      differs(from: generation, behind: end)
      throw Failure(
        .conflict,
        "what is here behind group \(end.group) is of generation \(latest.rawValue) itself")
    }
    let before = journal.pins[Self.unfedPin]
    journal.setPin(Self.unfedPin, through: own.seq, mayHold: JournalPin.followerBytes)
    do throws(Failure) {
      // Until now nothing may have held it.
      guard try self.end(ofGroup: end.group, journal) != nil else { throw Self.trimmed(end) }
      try note(cutAfter: end)
    } catch {
      journal.removePin(Self.unfedPin)
      if let before {
        journal.setPin(Self.unfedPin, through: before.through, mayHold: before.mayHold)
      }
      throw error
    }
    promotion.yield()
  }

  /// Not a difference: the primary looks for what both have once more.
  ///
  /// Before group 0 there is nothing that it could find.
  private static func trimmed(_ end: JournalEnd) -> Failure {
    Failure(
      end.group == 0 ? .conflict : .restorePointMissing,
      "what is behind group \(end.group) is not here any more")
  }

  private func note(cutAfter end: JournalEnd) throws(Failure) {
    let failure = state.withLock { state -> Failure? in
      var replica = state.replica
      replica.cut = end
      do throws(FileError) { try file.store(replica) } catch {
        return Failure(.diskFull, "the replica's file could not be written")
      }
      state.replica = replica
      return nil
    }
    if let failure { throw failure }
  }

  private func end(
    ofGroup number: UInt64, _ journal: Journal
  ) throws(Failure) -> JournalEnd? {
    do { return try journal.end(ofGroup: number) } catch {
      throw Failure(.internalError, "the journal could not be read")
    }
  }

  private func lastGeneration(
    behind position: CellSeq, _ journal: Journal
  ) throws(Failure) -> Generation? {
    do { return try journal.lastGeneration(behind: position) } catch {
      throw Failure(.internalError, "the journal could not be read: \(error)")
    }
  }

  /// The primary has another history in the place of what is here of its own generation, or of a
  /// later one: people have to look at both.
  private func differs(from generation: Generation, behind end: JournalEnd) {
    let now = Timestamp(milliseconds: clock.milliseconds())
    let isNews = state.withLock { state in
      defer { state.differsSince = state.differsSince ?? now }
      return state.differsSince == nil
    }
    guard isNews else { return }
    logger.critical(
      "the primary's journal differs within its generation: nothing is cut",
      metadata: ["generation": "\(generation.rawValue)", "behind_group": "\(end.group)"])
  }

  /// Takes away what an older generation wrote behind the point where another replica took over.
  ///
  /// Before anybody has the journal open.
  func cut() throws {
    let replica = state.withLock { $0.replica }
    guard let end = replica.cut else { return }
    do {
      let report = try JournalCut(
        directory: configuration.dataDirectory, cell: configuration.cell, files: files
      ).run(after: end, for: replica.generation)
      tell(report)
    } catch JournalError.noSuchDamage(let detail) {
      // It is never there again. As it is, this replica says how far it is, and is told what to do.
      logger.error("the journal is not cut", metadata: ["reason": "\(detail)"])
    } catch JournalError.notEarlier {
      differs(from: replica.generation, behind: end)
    }
    try state.withLock { state in
      state.replica.cut = nil
      try file.store(state.replica)
    }
  }

  private func tell(_ report: JournalCut.Report) {
    let log: Logger.Level = report.records > 0 ? .error : .notice
    logger.log(
      level: log, "what was written here after another replica took over is taken away",
      metadata: [
        "groups": "\(report.groups)", "records": "\(report.records)",
        "kept_in": "\(report.sideFile ?? "nothing")",
        "rebuilt": "\(report.rebuilt.map(\.rawValue).joined(separator: " "))",
        "lost": "\(report.lost.map(\.rawValue).joined(separator: " "))",
      ])
  }
}
