import ArgumentParser
import Foundation

/// How the tools end: 0 done, 1 not as it must be, 2 a wrong call.
extension ParsableCommand {
  /// Runs the command that the arguments name, and ends the process.
  public static func runAndExit() async -> Never {
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
      Foundation.exit(0)
    } catch {
      let code = exitCode(for: error)
      let message = fullMessage(for: error)
      // Help and version are no failures.
      let stream = code.isSuccess ? FileHandle.standardOutput : FileHandle.standardError
      if !message.isEmpty { stream.write(Data((message + "\n").utf8)) }
      Foundation.exit(code == .validationFailure ? 2 : code.rawValue)
    }
  }
}
