import Edge
import Messaging
import Simulation
import Testing

@testable import Router

/// Whose request a cell is told that it is, with a proxy before the router and without one.
@Suite("Clients behind proxies") struct ProxyTests {
  private static let asker: String = "203.0.113.5"

  private func deployment(
    _ limits: RouterLimits = .init()
  ) async throws -> (cell: FakeCell, router: RouterHarness) {
    let network = InMemoryNetwork(random: SeededRandomSource(seed: 3))
    let cell = try await FakeCell("a", network)
    _ = try await FakeControlPlane(network, TestMap.acme)
    let router = try RouterHarness(
      network: network, limits: limits,
      trustedProxies: [
        try #require(NetworkRange("10.0.0.0/8")), try #require(NetworkRange("127.0.0.1")),
      ])
    try await router.connect([cell])
    return (cell, router)
  }

  /// The client that the cell hears of when `peer` sends `forwarded`.
  private func client(_ peer: String, _ forwarded: String) async throws -> String? {
    let (cell, router) = try await deployment()
    let answer = try await router.call(headers: ["x-forwarded-for": forwarded], peer: peer)
    #expect(answer.status == 200)
    return cell.requests.first?.clientAddress
  }

  @Test func `the hop before our proxies is the client, whatever stands left of it`() async throws {
    for forwarded in [
      Self.asker, "127.0.0.1, \(Self.asker)", "10.0.0.9, \(Self.asker), 10.0.0.2",
      "rubbish,\(Self.asker)",
    ] {
      #expect(try await client("10.0.0.1", forwarded) == Self.asker, "\(forwarded)")
      // One that ends TLS on the router's own machine.
      #expect(try await client("127.0.0.1", forwarded) == Self.asker, "\(forwarded)")
    }
  }

  @Test func `what anybody else says of where it comes from is not heard`() async throws {
    for forwarded in ["127.0.0.1", "10.0.0.9", "198.51.100.1"] {
      #expect(try await client(Self.asker, forwarded) == Self.asker, "\(forwarded)")
    }
  }

  /// By default the machine's own address has no limit; as a proxy it stands for anybody.
  @Test(
    arguments: [
      nil, "", "rubbish", "203.0.113.5, rubbish", "203.0.113.5, unknown", "127.0.0.1",
      "127.0.0.1, 10.0.0.9, rubbish",
    ] as [String?])
  func `a proxy that does not say who asks has a limit itself`(forwarded: String?) async throws {
    var limits = RouterLimits()
    limits.addressRate = 1
    limits.addressBurst = 1
    let (_, router) = try await deployment(limits)
    let headers = forwarded.map { ["x-forwarded-for": $0] } ?? [:]
    var statuses: [Int] = []
    for _ in 0..<2 {
      statuses.append(try await router.call(headers: headers, peer: "127.0.0.1").status)
    }
    #expect(statuses == [200, 429])
    // Whom it does name has a limit apart.
    let named = try await router.call(
      headers: ["x-forwarded-for": "\(Self.asker):4711"], peer: "127.0.0.1")
    #expect(named.status == 200)
  }

  @Test func `who claims to be without a limit has one`() async throws {
    var limits = RouterLimits()
    limits.addressRate = 1
    limits.addressBurst = 1
    let (_, _, router) = try await RouterHarness.withCell(limits)
    func ask(_ peer: String) async throws -> Int {
      try await router.call(headers: ["x-forwarded-for": "127.0.0.1"], peer: peer).status
    }
    var statuses: [Int] = []
    for peer in [Self.asker, Self.asker, "127.0.0.1", "127.0.0.1"] {
      statuses.append(try await ask(peer))
    }
    #expect(statuses == [200, 429, 200, 200])
  }
}
