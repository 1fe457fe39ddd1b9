import Platform

/// Why a tenant cannot go on, and whether that may pass.
///
/// What may pass is tried again by the engine itself; the rest waits for a restart or a repair.
package struct Obstacle: Hashable, Sendable {
  package let detail: String
  /// Whether the machine refused (room, an I/O call, descriptors, memory, a lock), not the data.
  package let mayPass: Bool
  /// Whether only a follower's acknowledgement is missing: the files are as they were before, and
  /// may be read.
  package let allowsReads: Bool
  /// Whether an fsync failed: nobody is served any more, and the process ends.
  let isFailedSync: Bool

  package init(_ detail: String, mayPass: Bool = false, allowsReads: Bool = false) {
    self.init(detail, mayPass: mayPass, allowsReads: allowsReads, isFailedSync: false)
  }

  private init(_ detail: String, mayPass: Bool, allowsReads: Bool, isFailedSync: Bool) {
    self.detail = detail
    self.mayPass = mayPass
    self.allowsReads = allowsReads
    self.isFailedSync = isFailedSync
  }

  package static let unacknowledged = Obstacle(
    "a record waits for its followers", mayPass: true, allowsReads: true)

  /// `cause` met while doing `what`.
  package init(_ what: String, _ cause: any Error) {
    let isFailedSync = FailedSync.isCause(of: cause)
    self.init(
      "\(what): \(cause)", mayPass: !isFailedSync && Self.mayPass(cause), allowsReads: false,
      isFailedSync: isFailedSync)
  }

  private static func mayPass(_ cause: any Error) -> Bool {
    switch cause {
    case let error as FileError: error.mayPass
    case let error as SQLiteError: error.mayPass
    case StorageError.sqlite(let error): error.mayPass
    // Also a segment that was trimmed while it was read: its records are in the copy.
    case JournalError.file: true
    default: false
    }
  }
}
