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

  /// `tools/runbook NAME`: a system of its own is broken, and mended by the page.
  func runbook(_ name: String) async throws -> Ended {
    try await run(Self.root.appendingPathComponent("tools/runbook").path, [name])
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
    var environment = ProcessInfo.processInfo.environment
    let standIn = Self.root.appendingPathComponent("Tests/PrebuiltSwift").path
    environment["PATH"] = standIn + ":" + (environment["PATH"] ?? "/usr/bin:/bin")
    environment["AIMSTORS_PREBUILT"] = binaries
    environment["AIMSTORS_DATA"] = data
    environment["AIMSTORS_PORT"] = "0"
    // Output goes to a file and the end is waited for by id: what `tools/run` leaves running would
    // keep a pipe open.
    let output = directory + "/output-\(UUID().uuidString)"
    let child = try ChildProcess.start(program, arguments, log: output, environment: environment)
    var end = child.poll()
    while end == nil {
      try await Task.sleep(for: .milliseconds(20))
      end = child.poll()
    }
    let words = (end ?? "").split(separator: " ")
    return Ended(
      status: words.first == "exit" ? words.last.flatMap { Int32($0) } ?? -1 : -1,
      output: String(decoding: try PrivateFile.read(output) ?? [], as: UTF8.self))
  }

  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
}
