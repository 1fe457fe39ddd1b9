import Archive
import Storage
import Wire

/// Faults of archive and restore as an operator hears them.
enum RestoreFailure {
  static func of(_ error: any Error) -> Failure {
    switch error {
    case let failure as Failure: failure
    case let elsewhere as ElsewhereTenant: elsewhere.failure
    case let error as ArchiveError: Failure(code(error), "\(error.code): \(error)")
    case let error as RebuildError: Failure(.verificationFailed, "\(error)")
    case let error as StorageError: Failure(.verificationFailed, "\(error)")
    case let error as JournalError: Failure(.verificationFailed, "\(error)")
    default: Failure(.internalError, "\(error)")
    }
  }

  private static func code(_ error: ArchiveError) -> FailureCode {
    switch error {
    case .unreachable: .archiveUnavailable
    case .incomplete, .missing: .restorePointMissing
    case .noRoom: .cellFull
    default: .verificationFailed
    }
  }
}
