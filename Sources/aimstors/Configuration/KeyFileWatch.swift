import Archive
import Cryptography
import Logging
import ServiceLifecycle

/// Puts a changed key file in force without a restart.
///
/// A file that cannot be read, or is half written, changes nothing: the keys in force stay.
struct KeyFileWatch: Service {
  static let interval = Duration.seconds(2)

  let path: String
  let logger: Logger
  /// Reads the file; answers the names of its keys where they are other ones, now in force.
  let reload: @Sendable () throws(CommandFailure) -> [String]?

  /// The keys that secrets are sealed with.
  init(path: String, keys: KeyRing, logger: Logger) {
    self.path = path
    self.logger = logger
    reload = { () throws(CommandFailure) in
      let found = try SealingKeyFile.require(path)
      guard keys.replace(with: found) else { return nil }
      return found.sealing.map { SealingKeyFile.name($0) }
    }
  }

  /// The keys that the archive is sealed with; the newest is recorded in the data directory.
  init(path: String, archive: ArchiveKeyRing, dataDirectory: String, logger: Logger) {
    self.path = path
    self.logger = logger
    reload = { () throws(CommandFailure) in
      let found = try ArchiveKeyFile.require(path)
      guard archive.keys != found else { return nil }
      // Before it is in force: nothing may be sealed under a key that the machine's power takes
      // away again, or that a start would not miss.
      try PrivateFile.syncDirectory(of: path)
      try ArchiveKeyRecord.check(found, dataDirectory: dataDirectory)
      archive.replace(with: found)
      return found.all.map(\.id)
    }
  }

  func run() async throws {
    await cancelWhenGracefulShutdown {
      var complaint = ""
      while true {
        do { try await Task.sleep(for: Self.interval) } catch { return }
        do throws(CommandFailure) {
          let names = try reload()
          complaint = ""
          guard let names else { continue }
          logger.notice(
            "the key file has changed",
            metadata: ["path": "\(path)", "keys": "\(names.joined(separator: " "))"])
        } catch {
          guard complaint != error.code else { continue }
          complaint = error.code
          logger.error(
            "the key file cannot be read; the keys in force stay",
            metadata: ["path": "\(path)", "code": "\(error.code)"])
        }
      }
    }
  }
}
