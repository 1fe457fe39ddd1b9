import Foundation
import Platform

/// A run of `ChaosCommand`, which stands beside the test program: what it printed and how it ended.
enum ChaosProcess {
  struct Ended: Sendable {
    let status: Int32
    /// Lines of stdout.
    let output: [String]
    let errors: String

    /// The one JSON object that a mode prints last.
    var report: [String: Any] {
      let last = Data((output.last ?? "").utf8)
      return (try? JSONSerialization.jsonObject(with: last) as? [String: Any]) ?? [:]
    }
  }

  /// Runs to the end, on a thread of its own.
  static func run(_ arguments: [String]) async throws -> Ended {
    try await withCheckedThrowingContinuation { continuation in
      _ = OwnThread(name: "chaos-process") {
        continuation.resume(with: Result { try wait(for: arguments) })
      }
    }
  }

  private static func wait(for arguments: [String]) throws -> Ended {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: SystemChaosTests.binaries + "/ChaosCommand")
    process.arguments = arguments
    // Files, not pipes: nobody has to read both at once.
    let directory = FileManager.default.temporaryDirectory
    let files = ["out", "err"].map {
      directory.appendingPathComponent("chaos-\(UUID().uuidString).\($0)")
    }
    defer { for file in files { try? FileManager.default.removeItem(at: file) } }
    for file in files { try Data().write(to: file) }
    process.standardOutput = try FileHandle(forWritingTo: files[0])
    process.standardError = try FileHandle(forWritingTo: files[1])
    try process.run()
    process.waitUntilExit()
    let texts = try files.map { String(decoding: try Data(contentsOf: $0), as: UTF8.self) }
    return Ended(
      status: process.terminationStatus,
      output: texts[0].split(separator: "\n").map(String.init), errors: texts[1])
  }
}
