import AsyncHTTPClient
import Edge
import Logging
import Testing

/// Servers end while clients still come.
@Suite struct GracefulEndTests {
  @Test(arguments: 1...8)
  func `a cancelled server ends while connections to it are being accepted`(round: Int) async throws
  {
    let (ports, portFound) = AsyncStream.makeStream(of: Int.self)
    let server = HealthServer(
      port: 0, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      report: { HealthReport(role: "test", id: "a", version: "1", ready: true, problems: []) },
      metrics: { "" }, onRunning: { portFound.yield($0) })
    let running = Task { try await server.run() }
    var iterator = ports.makeAsyncIterator()
    let port = try #require(await iterator.next())
    try await withThrowingTaskGroup(of: Void.self) { clients in
      for _ in 0..<64 {
        clients.addTask {
          var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/healthz")
          request.headers.add(name: "connection", value: "close")
          // Whether it is answered is all the same; a refused one tries again until its time is up.
          _ = try? await HTTPClient.shared.execute(request, timeout: .milliseconds(500))
        }
      }
      // Some come while it serves, others while it ends.
      for _ in 0..<round { try await clients.next() }
      running.cancel()
      try await running.value
      try await clients.waitForAll()
    }
  }
}
