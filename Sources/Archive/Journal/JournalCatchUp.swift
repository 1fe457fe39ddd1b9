import Logging
import Platform
import Storage
import Wire

/// Brings into a journal what the archive has more of it, before anything is served from it.
///
/// A disk that was set back, to an image or a copy of an hour ago, is consistent in itself. Served
/// as it is, its cell would send again what it has sent, and use positions twice; only the archive
/// knows better. Decision 0065.
public struct JournalCatchUp: Sendable {
  /// What came out of the archive.
  public struct CaughtUp: Hashable, Sendable {
    public let groups: Int
    /// Where the journal ends since.
    public let end: JournalEnd
    /// Whether an earlier generation wrote it.
    public let isEarlier: Bool
  }

  private let archive: Archive
  private let cell: CellID
  private let directory: String
  private let files: any FileSystem
  private let logger: Logger

  /// `directory` is the data directory, which nobody has open.
  public init(
    _ archive: Archive, cell: CellID, directory: String, files: any FileSystem, logger: Logger
  ) {
    self.archive = archive
    self.cell = cell
    self.directory = directory
    self.files = files
    self.logger = logger
  }

  /// Appends what the archive has behind the journal's end; nil where there is nothing to append.
  ///
  /// `began` is where the journal ended when `generation` began: an earlier generation's records
  /// are appended where there are none of its own yet. A journal that the archive does not go on
  /// from is left as it is: its uploader names that (`archive_incomplete`), an operator decides.
  /// `isContinued` says that an attempt at that was cut off: there are none either. `found` is
  /// called before the first group is appended. Throws `JournalFatality` where the disk failed
  /// under the append: nothing may be served from it by this process.
  public func run(
    _ generation: Generation, began: JournalEnd, isContinued: Bool = false,
    found: (_ isEarlier: Bool) throws -> Void = { _ in }
  ) async throws -> CaughtUp? {
    let (directory, cell, files) = (directory, cell, files)
    let own = try await Blocking.run("archive") {
      try JournalEnd.read(dataDirectory: directory, cell: cell, files: files)
    }.get()
    guard let own, own.group > 0, let last = await archivedEnd(own.seq),
      last.end.group > own.group,
      last.generation == generation || last.generation < generation && (own == began || isContinued)
    else { return nil }
    let isEarlier = last.generation < generation
    let appended = try await append(behind: own, last) { try found(isEarlier) }
    guard let (groups, end) = appended else { return nil }
    return CaughtUp(groups: groups, end: end, isEarlier: isEarlier)
  }

  private typealias Last = (generation: Generation, end: JournalEnd)

  /// Where the archive ends; nil where it has nothing, or does not say in time: a call that hangs
  /// is left behind.
  private func archivedEnd(_ own: CellSeq) async -> Last? {
    let (archive, cell, logger) = (archive, cell, logger)
    let answer = await BoundedAnswer.within(seconds: ArchiveLimits.startSeconds) {
      () -> Result<Last?, ArchiveError> in
      var failure = ArchiveError.unreachable("it was not asked")
      // One refused call is not the archive's word: what it has more is lost once this serves.
      for _ in 0..<(ArchiveLimits.startSeconds * 5) {
        do throws(ArchiveError) {
          return .success(try await ArchivedObjects(archive: archive, cell: cell).end(from: own))
        } catch {
          failure = error
          guard error.mayPass else { break }
        }
        try? await Task.sleep(for: .milliseconds(200))
      }
      return .failure(failure)
    }
    switch answer {
    case .success(let last)?: return last
    case .failure(let error)?:
      // A wrong key and damage are the uploader's to name.
      logger.warning("the archive does not say where it ends", metadata: ["reason": "\(error)"])
    case nil: logger.warning("the start goes on without the archive's word")
    }
    return nil
  }

  private func append(
    behind own: JournalEnd, _ last: Last, _ found: () throws -> Void
  ) async throws -> (groups: Int, end: JournalEnd)? {
    let (directory, cell, files, logger) = (directory, cell, files, logger)
    let appends = GroupAppends()
    var journal: Journal?
    defer { journal?.close() }
    var count = 0
    do {
      try await ArchivedGroups(archive, cell: cell).read(after: own) { groups in
        if journal == nil {
          logger.critical(
            "the archive has more than this disk",
            metadata: ["group": "\(own.group)", "archived": "\(last.end.group)"])
          try found()
          journal = try await Blocking.run("archive") {
            try JournalCopying.open(
              dataDirectory: directory, cell: cell, generation: last.generation, files: files
            ) { fatality in
              logger.critical("the journal failed", metadata: ["reason": "\(fatality)"])
              appends.failed(fatality)
            }
          }.get()
        }
        for group in groups {
          guard let journal else { return false }
          let outcome = try await appends.append(group, to: journal)
          guard case .durable = outcome else {
            throw ArchiveError.incomplete("group \(group.number) was not appended: \(outcome)")
          }
          count += 1
        }
        return true
      }
    } catch let fatality as JournalFatality {
      throw fatality
    } catch {
      // The journal's own trouble, too: whoever opens it to serve from it names that.
      logger.error(
        "the archive does not go on from this journal", metadata: ["reason": "\(error)"])
      guard count > 0 else { return nil }
      throw error
    }
    guard let journal, count > 0 else { return nil }
    logger.notice("appended what the archive had more", metadata: ["groups": "\(count)"])
    return (count, journal.end)
  }
}
