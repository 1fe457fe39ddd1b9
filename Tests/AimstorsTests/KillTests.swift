import Foundation
import Testing

@testable import aimstors

/// `tools/chaos kill` in small: a real system, real kills, and a broken rule that must be seen.
@Suite("kill -9 under load", .serialized, .timeLimit(.minutes(90))) struct KillTests {
  private static let cycles =
    ProcessInfo.processInfo.environment["AIMSTORS_LONG_TESTS"] == nil ? 3 : 500

  /// The exit and the last line of one run.
  private func run(_ arguments: [String]) async throws -> (end: String, last: String) {
    let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appendingPathComponent("aimstors").path
    let log = FileManager.default.temporaryDirectory
      .appendingPathComponent("aimstors-kill-\(UUID().uuidString).log").path
    defer { try? FileManager.default.removeItem(atPath: log) }
    let child = try ChildProcess.start(
      program, ["chaos-kill"] + arguments, log: log, environment: [:])
    var end: String?
    while end == nil {
      try await Task.sleep(for: .milliseconds(50))
      end = child.poll()
    }
    let text = try String(contentsOfFile: log, encoding: .utf8)
    return (end ?? "", text.split(separator: "\n").last.map(String.init) ?? "")
  }

  @Test func `nothing acknowledged is lost, nothing is there twice`() async throws {
    let (end, last) = try await run(["--cycles", "\(Self.cycles)", "--seed", "11"])
    #expect(end == "exit code 0", "\(last)")
    #expect(last.hasPrefix(#"{"ok":true,"mode":"kill""#))
  }

  @Test func `sending again what may have been sent is seen`() async throws {
    let (end, last) = try await run([
      "--cycles", "4", "--seed", "3", "--sabotage", "resend-ambiguous",
    ])
    #expect(end == "exit code 1", "\(last)")
    #expect(!last.contains(#""duplicated":0"#))
  }
}
