import Logging
import Platform
import Storage
import Wire

/// Whether this cell may send before the control plane has told it the standing orders.
///
/// After a promotion or a restore it waits for them: they stop a cell whose copy may be incomplete.
/// Once told they are durable here, and the file `<data>/sends-allowed` names the generation that
/// has heard them: from then on a cell sends while the control plane is away, as one does that was
/// never promoted.
struct SendPermission: Sendable {
  private let directory: String
  private let generation: Generation
  private let files: any FileSystem

  init(dataDirectory: String, generation: Generation, files: any FileSystem) {
    directory = dataDirectory
    self.generation = generation
    self.files = files
  }

  private var path: String { "\(directory)/sends-allowed" }

  var isGiven: Bool {
    get throws(FileError) {
      if generation == .first { return true }
      guard try files.exists(path) else { return false }
      return try FileTree.bytes(path, files) == Array("\(generation.rawValue)".utf8)
    }
  }

  /// Durable when it returns.
  func give() throws(FileError) {
    try FileTree.write(Array("\(generation.rawValue)".utf8), to: path + ".tmp", files)
    try files.rename(path + ".tmp", to: path)
    try files.synchronizeDirectory(directory)
  }

  /// Returns when the cell may send; false where the task was cancelled before.
  func wait(_ logger: Logger, until isJoined: @Sendable () -> Bool) async -> Bool {
    do throws(FileError) {
      if try isGiven { return true }
    } catch {
      logger.error("whether sends are allowed could not be read", metadata: ["error": "\(error)"])
    }
    while !isJoined() {
      do { try await Task.sleep(for: CellLimits.joinRetryMinimum) } catch { return false }
    }
    do throws(FileError) { try give() } catch {
      // The next start waits for the control plane once more.
      logger.error("that sends are allowed was not stored", metadata: ["error": "\(error)"])
    }
    return true
  }
}
