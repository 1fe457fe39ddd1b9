import Foundation
import Testing

/// Scripts that a test has somebody run as a program.
enum ProgramScript {
  /// Writes a shell script, or replaces it, with what it does in one line.
  ///
  /// By another process: children that other tests start here meanwhile would inherit a file that
  /// is open for writing, and nobody could run it.
  static func write(_ line: String, to path: String, mode: Int = 0o755) throws {
    let writer = Process()
    writer.executableURL = URL(fileURLWithPath: "/bin/sh")
    writer.arguments = [
      "-c",
      #"printf '#!/bin/sh\n%s\n' "$1" > "$0.new" && chmod "$2" "$0.new" && mv "$0.new" "$0""#,
      path, line, String(mode, radix: 8),
    ]
    try writer.run()
    writer.waitUntilExit()
    #expect(writer.terminationStatus == 0)
  }
}
