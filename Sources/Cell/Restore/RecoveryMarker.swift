import Platform
import Storage

/// The file `<data>/restoring`: this cell's disk was lost, and not every tenant is back yet.
///
/// It names the restore; suspended tenants carry the same name.
struct RecoveryMarker: Sendable {
  private let directory: String
  private let files: any FileSystem

  init(dataDirectory: String, files: any FileSystem) {
    directory = dataDirectory
    self.files = files
  }

  private var path: String { "\(directory)/restoring" }

  /// The restore's name; nil: nothing is to be brought back.
  func load() throws(FileError) -> String? {
    guard try files.exists(path) else { return nil }
    return String(decoding: try FileTree.bytes(path, files), as: UTF8.self)
  }

  /// Durable when it returns.
  func store(_ name: String) throws(FileError) {
    try FileTree.write(Array(name.utf8), to: path + ".tmp", files)
    try files.rename(path + ".tmp", to: path)
    try files.synchronizeDirectory(directory)
  }

  func remove() throws(FileError) {
    guard try files.exists(path) else { return }
    try files.remove(path)
    try files.synchronizeDirectory(directory)
  }
}
