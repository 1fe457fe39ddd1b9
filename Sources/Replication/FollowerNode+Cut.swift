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
  func plan(cutAfter end: JournalEnd) throws(Failure) {
    engine.journal?.setPin(Self.unfedPin, through: end.seq, mayHold: nil)
    guard try hash(ofGroup: end.group) == end.hash else {
      throw Failure(.conflict, "group \(end.group) is another one here")
    }
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
    promotion.yield()
  }

  /// Takes away what an older generation wrote behind the point where another replica took over.
  ///
  /// Before anybody has the journal open.
  func cut() throws {
    guard let end = state.withLock({ $0.replica.cut }) else { return }
    do {
      let report = try JournalCut(
        directory: configuration.dataDirectory, cell: configuration.cell, files: files
      ).run(after: end)
      tell(report)
    } catch JournalError.noSuchDamage(let detail) {
      // It is never there again. As it is, this replica says how far it is, and is told what to do.
      logger.error("the journal is not cut", metadata: ["reason": "\(detail)"])
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
