import Foundation
import Testing

@testable import aimstors

/// `tools/run` with whole systems.
@Suite(.serialized) struct RunScriptTests {
  @Test func `a second start leaves the running system as it is, and it can be stopped`()
    async throws
  {
    let system = try LiveSystem()
    defer { system.remove() }
    let data = system.data
    let first = try await system.script("--debug", "--detach")
    #expect(first.status == 0, "\(first.output)")
    let description = try PrivateFile.read(data + "/local.json")
    let owner = try PrivateFile.read(data + "/up.pid")
    #expect(description != nil && owner != nil)

    let second = try await system.script("--debug", "--detach")
    #expect(second.status == 1, "\(second.output)")
    #expect(second.output.contains("data_in_use"), "\(second.output)")
    #expect(try PrivateFile.read(data + "/local.json") == description)
    #expect(try PrivateFile.read(data + "/up.pid") == owner)
    let log = String(decoding: try PrivateFile.read(data + "/up.log") ?? [], as: UTF8.self)
    #expect(log.contains("ready: http"), "the log of the running system is kept")

    // A role of its own says why it cannot start, too.
    let cell = try await system.verb("cell", "run", "--config", data + "/run/cell-1.json")
    #expect(cell.status == 1 && cell.output.contains("data_in_use"), "\(cell.output)")
    let plane = try await system.verb(
      "control-plane", "--config", data + "/run/control-plane.json")
    #expect(plane.status == 1 && plane.output.contains("data_in_use"), "\(plane.output)")
    let router = try await system.verb("router", "--config", data + "/run/router-1.json")
    #expect(router.status == 1 && router.output.contains("port_in_use"), "\(router.output)")

    let stopped = try await system.script("--stop")
    #expect(stopped.status == 0 && stopped.output.contains("run: stopped"), "\(stopped.output)")
    #expect(try PrivateFile.read(data + "/local.json") == nil)
    #expect(try PrivateFile.read(data + "/up.pid") == nil)
    let nothing = try await system.script("--stop")
    #expect(nothing.status == 0 && nothing.output.contains("nothing runs"), "\(nothing.output)")
  }

  /// What they share is most of what can break; `tools/runbook all` runs all.
  @Test func `a runbook mends what it breaks`() async throws {
    let system = try LiveSystem()
    defer { system.remove() }
    let ended = try await system.runbook("lost-disk")
    #expect(ended.status == 0 && ended.output.contains(#""ok":true"#), "\(ended.output)")
  }

  @Test func `a process id that was left behind is nobody's to stop`() async throws {
    let system = try LiveSystem()
    defer { system.remove() }
    // Of a run that was killed; another program has got its id since.
    let other = Process()
    other.executableURL = URL(fileURLWithPath: "/bin/sleep")
    other.arguments = ["60"]
    try other.run()
    // Not `terminate`: it inherits a mask that blocks it, and would keep the test's output open.
    defer { kill(other.processIdentifier, SIGKILL) }
    try PrivateFile.write(
      Array("\(other.processIdentifier)\n".utf8), to: system.data + "/up.pid")
    try PrivateFile.write([], to: system.data + "/up.lock")
    let stopped = try await system.script("--stop")
    #expect(stopped.output.contains("nothing runs"), "\(stopped.output)")
    #expect(other.isRunning)
  }
}
