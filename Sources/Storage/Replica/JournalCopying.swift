import Platform
import Wire

/// Opens a data directory's journal to append what another replica, or the archive, has more of it.
///
/// Before an engine serves from the directory, whose start would tell a failed fsync by itself.
public enum JournalCopying {
  /// Opens the journal of `cell` under `generation`, and whatever earlier ones wrote.
  ///
  /// Throws what ``Journal/open(_:files:applied:fatal:)`` throws. `fatal` must have nothing more
  /// answered from the journal. After a failed fsync, in the opening or later, tenants' files prove
  /// no more than after a power loss.
  public static func open(
    dataDirectory: String, cell: CellID, generation: Generation, files: any FileSystem,
    fatal: @escaping @Sendable (JournalFatality) -> Void
  ) throws -> Journal {
    var configuration = JournalConfiguration(
      directory: "\(dataDirectory)/journal", cell: cell, generation: generation)
    configuration.oldestGeneration = .first
    configuration.isCopy = true
    return try open(configuration, dataDirectory: dataDirectory, files: files, fatal: fatal)
  }

  static func open(
    _ configuration: JournalConfiguration, dataDirectory: String, files: any FileSystem,
    fatal: @escaping @Sendable (JournalFatality) -> Void
  ) throws -> Journal {
    let mark = BootMark(directory: dataDirectory, files: files)
    return try mark.discarded(ifSyncFails: {
      try Journal.open(
        configuration, files: files,
        applied: {
          // As at a start: a quarantined tenant's files are opened by nobody.
          let closed = CrashFile(directory: dataDirectory, files: files).quarantined
          return try AppliedSeqs.read(dataDirectory: dataDirectory, files: files, but: closed)
        },
        fatal: { reason in
          if reason.dropsWrites { mark.discard() }
          fatal(reason)
        }
      ).journal
    })
  }
}
