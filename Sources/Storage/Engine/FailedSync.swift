import Platform

/// A failed fsync, of whichever file: it ends the process as one of the journal does.
///
/// Linux may have dropped the pages that it could not write. Another fsync would say that all is
/// well, and the journal be trimmed behind files that lack them; a start replays it instead.
enum FailedSync {
  static func isCause(of error: any Error) -> Bool {
    switch error {
    case let error as FileError: error.isFailedSync
    case let error as SQLiteError: error.isFailedSync
    case StorageError.sqlite(let error): error.isFailedSync
    case JournalError.file(let error): error.isFailedSync
    default: false
    }
  }
}

extension FileError {
  /// Whether the disk refused an fsync, and not the system an open of what was to be synchronized.
  var isFailedSync: Bool {
    switch operation {
    case .sync: errno != SystemErrors.badDescriptor
    case .syncDirectory: errno == SystemErrors.io || isDiskFull
    default: false
    }
  }
}

extension JournalFatality {
  /// Whether an fsync failed: the kernel may have dropped what any file was to write to that disk.
  var dropsWrites: Bool {
    switch self {
    case .synchronizeFailed, .filesNotSynchronized: true
    case .truncateFailed: false
    }
  }
}

extension EngineContext {
  /// Ends the process where `error` is a failed fsync.
  func end(ifFailedSync error: any Error) {
    if FailedSync.isCause(of: error) { fatal(.filesNotSynchronized("\(error)")) }
  }

  /// Whether the process was told to end: nothing more is made durable, or said to be.
  var isEnding: Bool { fatality.isMet }
}
