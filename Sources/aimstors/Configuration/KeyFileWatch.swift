import Cryptography
import Logging
import ServiceLifecycle

/// Puts a changed key file in force without a restart.
///
/// A file that cannot be read, or is half written, changes nothing: the keys in force stay.
struct KeyFileWatch: Service {
  static let interval = Duration.seconds(2)

  let path: String
  let keys: KeyRing
  let logger: Logger

  func run() async throws {
    await cancelWhenGracefulShutdown {
      var complaint = ""
      while true {
        do { try await Task.sleep(for: Self.interval) } catch { return }
        do throws(CommandFailure) {
          let found = try SealingKeyFile.require(path)
          complaint = ""
          guard keys.replace(with: found) else { continue }
          logger.notice(
            "the key file has changed",
            metadata: [
              "keys": "\(found.sealing.map { SealingKeyFile.name($0) }.joined(separator: " "))"
            ])
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
