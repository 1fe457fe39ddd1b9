import Chaos
import Messaging
import Router
import Testing

@testable import GraphSimulator

extension SystemChaosTests {
  /// More large bodies at once than there is memory for.
  @Suite struct Flood {
    /// Of every byte that a router has room for: the buffer that it came in, the envelope, the
    /// message, and of a webhook its parts.
    private static let routerCopies = 4
    /// Of every byte that a cell's handlers have room for: the message, the envelope, its body,
    /// what was read of it, its commands and their changes.
    private static let cellCopies = 6
    /// What waits in mailboxes: docs/limits.md.
    private static let mailboxes = 256 << 20
    /// Buffers of sockets and connections, the pages of open tenants, and what the allocator keeps.
    private static let beside = 256 << 20

    @Test func `a flood of the largest bodies is answered by name, in bounded memory`()
      async throws
    {
      let limits = RouterLimits()
      let router = (limits.bodyBytes + limits.webhookBytes) * Self.routerCopies + Self.beside
      let cell = MessagingLimits.handlerBytes * Self.cellCopies + Self.mailboxes + Self.beside
      let connections = 600
      // Kept whole they would be more than what is allowed: the bound can be broken.
      #expect(connections * (3 << 20) > router)
      let report = try await SystemChaosTests.withDirectory { directory in
        await FloodMode(
          SystemChaosTests.plan(1, seed: 6, in: directory),
          FloodPlan(
            connections: connections, routerKiB: router / 1_024, cellKiB: cell / 1_024,
            sign: { "sha256=" + Digest.hmac(key: $0, $1) })
        ).run()
      }
      #expect(report.isOK, "\(report)")
      #expect(report.acked > 0)
    }
  }
}
