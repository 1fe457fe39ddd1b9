import Logging
import Platform
import Storage
import Synchronization
import Testing
import Wire

@testable import Cell

@Suite("When a cell may send") struct SendPermissionTests {
  private let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  private func withDirectory(_ body: (String) async throws -> Void) async throws {
    let path = "/tmp/aimstors-sending-tests-\(String(LiveRandomSource().uint64(), radix: 16))"
    try LiveFileSystem().createDirectory(path)
    defer { try? FileTree.remove(path, LiveFileSystem()) }
    try await body(path)
  }

  private func permission(_ path: String, _ generation: UInt64) -> SendPermission {
    SendPermission(
      dataDirectory: path, generation: Generation(generation), files: LiveFileSystem())
  }

  @Test func `one that was never promoted sends at once`() async throws {
    try await withDirectory { path in
      #expect(await permission(path, 1).wait(log) { false })
    }
  }

  @Test func `one that was promoted waits for its first join, and never again`() async throws {
    try await withDirectory { path in
      let waiting = Task { await permission(path, 2).wait(log) { false } }
      waiting.cancel()
      #expect(await !waiting.value)
      let looks = Mutex(0)
      #expect(
        await permission(path, 2).wait(log) {
          looks.withLock { looks in
            looks += 1
            return looks > 2
          }
        })
      // Restarted while the control plane is away.
      #expect(await permission(path, 2).wait(log) { false })
      // Promoted once more: the orders of that promotion are not known.
      let third = try permission(path, 3).isGiven
      #expect(!third)
    }
  }
}
