import Foundation
import GraphSimulator
import Testing

@testable import aimstors

/// A whole system of the programs of this build, in a directory of its own, run by `tools/run`
/// with a stand-in for `swift`, since all is built.
struct LiveSystem {
  struct Ended {
    let status: Int32
    let output: String

    /// The object in the last line.
    var json: JSON {
      let last = output.split(separator: "\n").last.map { Array($0.utf8) } ?? []
      return (try? JSON(parsing: last)) ?? .null
    }
  }

  let directory: String
  var data: String { directory + "/data" }
  private let binaries: String

  /// Makes the directory; nothing runs yet.
  init() throws {
    directory =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("aimstors-run-\(UUID().uuidString)").path
    binaries = URL(fileURLWithPath: try LocalSystem.executable()).deletingLastPathComponent().path
    try FileManager.default.createDirectory(
      atPath: directory + "/data", withIntermediateDirectories: true)
    let swift = """
      #!/bin/sh
      case "$*" in
        *--version*) echo "Swift version 6.3" ;;
        *--show-bin-path*) echo "\(binaries)" ;;
      esac
      """
    try Data(swift.utf8).write(to: URL(fileURLWithPath: directory + "/swift"))
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o700], ofItemAtPath: directory + "/swift")
  }

  /// Runs `body` beside a system that is ready, and ends it whatever happens.
  static func with(_ body: (LiveSystem) async throws -> Void) async throws {
    let system = try LiveSystem()
    defer { system.remove() }
    let started = try await system.script("--debug", "--detach")
    try #require(started.status == 0, "\(started.output)")
    let result: Result<Void, any Error>
    do { result = .success(try await body(system)) } catch { result = .failure(error) }
    let stopped = try await system.script("--stop")
    #expect(stopped.status == 0, "\(stopped.output)")
    try result.get()
  }

  func remove() { try? FileManager.default.removeItem(atPath: directory) }

  /// `tools/run` with these arguments.
  func script(_ arguments: String...) async throws -> Ended {
    try await run(Self.root.appendingPathComponent("tools/run").path, arguments)
  }

  /// One verb of the program.
  func verb(_ arguments: String...) async throws -> Ended {
    try await run(binaries + "/aimstors", arguments)
  }

  /// What stands in a process's log.
  func log(_ id: String) throws -> [String] {
    let bytes = try PrivateFile.read("\(data)/logs/\(id).log") ?? []
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  func local() throws -> JSON { try #require(try LocalDescription.read(data)) }

  private func run(_ program: String, _ arguments: [String]) async throws -> Ended {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: directory)
    process.environment = ProcessInfo.processInfo.environment.merging(
      [
        "PATH": directory + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"),
        "AIMSTORS_DATA": data, "AIMSTORS_PORT": "0",
      ]) { $1 }
    // A file, not a pipe: what is left running in the background would keep a pipe open.
    let path = directory + "/output-\(UUID().uuidString)"
    try #require(FileManager.default.createFile(atPath: path, contents: nil))
    let output = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    process.standardOutput = output
    process.standardError = output
    try await withCheckedThrowingContinuation {
      (continuation: CheckedContinuation<Void, any Error>) in
      process.terminationHandler = { _ in continuation.resume() }
      do { try process.run() } catch { continuation.resume(throwing: error) }
    }
    return Ended(
      status: process.terminationStatus,
      output: String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self))
  }

  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
}
