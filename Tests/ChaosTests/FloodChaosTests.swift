import Messaging
import Router
import Testing

@testable import Chaos
@testable import GraphSimulator

extension SystemChaosTests {
  /// More large bodies at once than there is memory for.
  @Suite struct Flood {
    /// Of every byte that a router has room for: the buffer that it came in, the envelope, the
    /// message, and of a webhook its parts.
    private static let routerCopies = 4
    /// Of every byte that a cell's handlers have room for: the message, the envelope, its body,
    /// what was read of it, its commands and their changes.
    ///
    /// Routers let fewer bodies through than a cell has room for, so that this only says that they
    /// cost no more than so many copies; that a cell refuses what it has no room for is tested by
    /// `RequestTests`.
    private static let cellCopies = 6
    /// What waits in mailboxes: docs/limits.md.
    private static let mailboxes = 256 << 20
    /// Buffers of sockets and connections, the pages of open tenants, and what the allocator keeps.
    private static let beside = 256 << 20

    @Test func `a flood of the largest bodies is answered by name, in bounded memory`()
      async throws
    {
      let limits = RouterLimits()
      let room = limits.bodyBytes + limits.answerBytes + limits.webhookBytes
      let router = room * Self.routerCopies + Self.beside
      let cell = MessagingLimits.handlerBytes * Self.cellCopies + Self.mailboxes + Self.beside
      let connections = 600
      // Kept whole they would be more than what is allowed: the bound can be broken.
      #expect(connections * (3 << 20) > router)
      let report = try await SystemChaosTests.withDirectory { directory in
        await FloodMode(
          SystemChaosTests.plan(1, seed: 6, in: directory),
          FloodPlan(
            connections: connections,
            // Half of all rooms: of the rest a part is given back and taken again meanwhile.
            heldBytes: (limits.bodyBytes + limits.webhookBytes) / 2,
            routerKiB: router / 1_024, cellKiB: cell / 1_024,
            sign: { "sha256=" + Digest.hmac(key: $0, $1) })
        ).run()
      }
      #expect(report.isOK, "\(report)")
      #expect(report.acked > 0)
    }

    @Test func `few bodies that are held, or many that are late, are no flood`() {
      #expect(FloodMode.complaints(held: 10, atLeast: 10, late: 2, of: 20).isEmpty)
      #expect(FloodMode.complaints(held: 9, atLeast: 10, late: 0, of: 20).count == 1)
      #expect(FloodMode.complaints(held: nil, atLeast: 10, late: 0, of: 20).count == 1)
      #expect(FloodMode.complaints(held: 10, atLeast: 10, late: 3, of: 20).count == 1)
    }
  }
}
