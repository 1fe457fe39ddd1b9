import Edge
import Logging
import Platform
import Synchronization
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What strangers at a health port cannot use up.
@Suite struct HealthLimitTests {
  @Test func `a connection that says nothing is closed`() async throws {
    try await withServer(idleTime: .milliseconds(100)) { port, _ in
      let silent = try HeldConnection(port: port)
      defer { silent.close() }
      #expect(await silent.hear() == nil)
    }
  }

  @Test func `a request that never ends is no reason to stay`() async throws {
    try await withServer(idleTime: .milliseconds(100)) { port, _ in
      let half = try HeldConnection(port: port)
      defer { half.close() }
      half.send("GET /healthz HTTP/1.1\r\nhost: ")
      #expect(await half.hear() == nil)
    }
  }

  @Test func `beyond the limit a connection is served when another goes`() async throws {
    try await withServer(idleTime: .seconds(600), connections: 2) { port, answered in
      let held = [try HeldConnection(port: port), try HeldConnection(port: port)]
      // Both are taken before the third comes, and whoever takes has looked once more.
      for _ in 0..<20 { for connection in held { #expect(await connection.ask() != nil) } }
      let third = try HeldConnection(port: port)
      defer { third.close() }
      third.send(HeldConnection.request)
      // The third has had its time: who is connected was served a hundred times meanwhile.
      for _ in 0..<100 { #expect(await held[0].ask() != nil) }
      #expect(answered.count == 140)
      held[1].close()
      #expect(await third.hear() != nil)
      held[0].close()
    }
  }

  /// Runs a server around `body`, which is told the port and who counts the answers.
  private func withServer(
    idleTime: Duration, connections: Int = HealthServer.connections,
    _ body: (Int, Answers) async throws -> Void
  ) async throws {
    let (ports, portFound) = AsyncStream.makeStream(of: Int.self)
    let answered = Answers()
    let server = HealthServer(
      port: 0, idleTime: idleTime, connections: connections,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      report: {
        answered.add()
        return HealthReport(role: "test", id: "a", version: "1", ready: true, problems: [])
      },
      metrics: { "" }, onRunning: { portFound.yield($0) })
    let running = Task { try await server.run() }
    defer { running.cancel() }
    var iterator = ports.makeAsyncIterator()
    let port = try #require(await iterator.next())
    try await body(port, answered)
    running.cancel()
    try await running.value
  }
}

/// Counts reports that were asked for.
private final class Answers: Sendable {
  private let value = Mutex(0)
  var count: Int { value.withLock { $0 } }
  func add() { value.withLock { $0 += 1 } }
}

/// A connection that a test holds.
///
/// Its waits run on threads of their own: the server answers on the shared pool.
private struct HeldConnection {
  enum Fault: Error { case notConnected(Int32) }

  static let request = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"

  private let descriptor: Int32

  init(port: Int) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else { throw Fault.notConnected(errno) }
  }

  func send(_ text: String) {
    let bytes = Array(text.utf8)
    _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }

  /// Sends a request; answers what is heard.
  func ask() async -> String? {
    send(Self.request)
    return await hear()
  }

  /// What the other side says next, which is a whole answer where it is small; nil where it has
  /// closed.
  func hear() async -> String? {
    let descriptor = descriptor
    return await withCheckedContinuation { continuation in
      _ = OwnThread(name: "hear") {
        var heard: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        // The report is an object, and the last byte of an answer closes it.
        while heard.last != UInt8(ascii: "}") {
          let count = recv(descriptor, &buffer, buffer.count, 0)
          guard count > 0 else { return continuation.resume(returning: nil) }
          heard += buffer[..<count]
        }
        continuation.resume(returning: String(decoding: heard, as: UTF8.self))
      }
    }
  }

  func close() { _ = Glibc.close(descriptor) }
}
