import Simulation

/// Whose a path is: each of the one disk's files and directories is of one layer.
enum StorageLayer: String, CaseIterable, Sendable {
  /// The journal's directory and what is in it.
  case journal
  /// SQLite's files, their directories, and what a start or a flush keeps beside them.
  case sqlite

  var paths: DiskPaths {
    switch self {
    case .journal: .within(StorageMachine.journalDirectory)
    case .sqlite: .outside(StorageMachine.journalDirectory)
    }
  }

  static func of(_ path: String) -> StorageLayer {
    journal.paths.contains(path) ? .journal : .sqlite
  }
}
