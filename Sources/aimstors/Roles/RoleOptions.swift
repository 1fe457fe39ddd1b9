import ArgumentParser
import Logging
import Platform
import Wire

/// What every role's process is started with.
struct RoleOptions: ParsableArguments {
  @Option(name: .long, help: "The process's configuration file (topology/README.md).")
  var config: String

  func read() throws(CommandFailure) -> ConfigurationNode { try Self.read(config) }

  static func read(_ config: String) throws(CommandFailure) -> ConfigurationNode {
    guard let bytes = try PrivateFile.read(config) else {
      throw CommandFailure(
        .usage, code: ConfigurationError.Code.unreadable.rawValue, detail: "there is no \(config)")
    }
    do {
      return try ConfigurationNode(yaml: String(decoding: bytes, as: UTF8.self), file: config)
    } catch {
      throw error.failure
    }
  }
}

/// The logger of one process: JSON lines on standard error, with role and id in each.
enum ProcessLog {
  static func make(role: String, id: String, environment: Environment) -> Logger {
    let level = environment["AIMSTORS_LOG_LEVEL"].flatMap { Logger.Level(rawValue: $0) } ?? .info
    return Logger(label: role) { label in
      StructuredLog(
        label: label, level: level, metadata: ["role": "\(role)", "id": "\(id)"],
        clock: LiveWallClock(), timestamp: { Timestamp(milliseconds: $0).rfc3339 })
    }
  }
}
