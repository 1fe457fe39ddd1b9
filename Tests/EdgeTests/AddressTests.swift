import Edge
import Testing

@Suite("Client addresses") struct AddressTests {
  private func address(_ text: String) throws -> NetworkAddress {
    try #require(NetworkAddress(text))
  }

  @Test func `mapped IPv4 is IPv4, a zone and brackets are no part`() throws {
    #expect(try address("::ffff:192.0.2.1") == address("192.0.2.1"))
    #expect(try address("[fe80::1%eth0]") == address("fe80::1"))
    #expect(try address("192.0.2.1").description == "192.0.2.1")
    #expect(try address("2001:db8::1").description == "2001:db8:0:0:0:0:0:1")
    for text in ["", "192.0.2", "192.0.2.1:80", "localhost", "::g", "1.2.3.256"] {
      #expect(NetworkAddress(text) == nil)
    }
  }

  @Test func `IPv6 counts by its half, IPv4 alone`() throws {
    #expect(try address("2001:db8::1").limitKey == address("2001:db8::ffff").limitKey)
    #expect(try address("2001:db8::1").limitKey != address("2001:db8:0:1::1").limitKey)
    #expect(try address("192.0.2.1").limitKey != address("192.0.2.2").limitKey)
  }

  @Test(arguments: [
    ("192.0.2.0/24", "192.0.2.200", true), ("192.0.2.0/24", "192.0.3.1", false),
    ("192.0.2.0/24", "::ffff:192.0.2.7", true), ("10.0.0.0/9", "10.127.0.1", true),
    ("10.0.0.0/9", "10.128.0.1", false), ("203.0.113.7", "203.0.113.7", true),
    ("203.0.113.7", "203.0.113.8", false), ("0.0.0.0/0", "8.8.8.8", true),
    ("0.0.0.0/0", "2001:db8::1", false), ("2001:db8::/32", "2001:db8:1::1", true),
    ("2001:db8::/32", "2001:db9::1", false), ("::/0", "10.0.0.1", true),
    ("2001:db8::/33", "2001:db8:8000::1", false), ("10.0.0.0/8", "10.255.0.1", true),
    ("fd00::/72", "fd00::1", true), ("fd00::/72", "fd00::100:0:0:0", false),
  ])
  func `a range holds its addresses and no others`(range: String, address: String, holds: Bool)
    throws
  {
    let range = try #require(NetworkRange(range))
    #expect(range.contains(try #require(NetworkAddress(address))) == holds)
  }

  @Test(arguments: [
    "", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0/8", "::/129", "a/8", "10.0.0.0/8/8",
    "10.0.0.0/", "10.0.0.0/x", "1.2.3.4/9223372036854775807", "::/9223372036854775807", "/8",
    "[::1]/128", "1.2.3.4]", "fe80::1%eth0/64",
  ])
  func `what is no range is refused`(text: String) { #expect(NetworkRange(text) == nil) }

  @Test func `the forwarded address counts only from our proxies, read from the right`() throws {
    let rule = ClientAddress(trustedProxies: [try #require(NetworkRange("10.0.0.0/8"))])
    let proxy = try address("10.0.0.1")
    let other = try address("203.0.113.5")
    #expect(rule.client(peer: other, forwardedFor: "1.1.1.1") == other)
    #expect(try rule.client(peer: proxy, forwardedFor: "6.6.6.6, 1.1.1.1") == address("1.1.1.1"))
    #expect(
      try rule.client(peer: proxy, forwardedFor: "1.1.1.1, 10.2.3.4") == address("1.1.1.1"))
    // Where nobody is named, nothing left of it is believed: anybody may have written that.
    for forwarded in ["rubbish", "1.1.1.1, rubbish", "1.1.1.1, unknown", "1.1.1.1, ", " , ", ""] {
      #expect(rule.client(peer: proxy, forwardedFor: forwarded) == proxy, "\(forwarded)")
    }
    #expect(rule.client(peer: proxy, forwardedFor: nil) == proxy)
    #expect(rule.isProxy(proxy) && !rule.isProxy(other))
  }

  @Test(arguments: [
    ("203.0.113.5", "203.0.113.5"), ("  203.0.113.5\t", "203.0.113.5"),
    ("203.0.113.5:443", "203.0.113.5"), ("203.0.113.5:443, 10.2.3.4:80", "203.0.113.5"),
    ("2001:db8::1", "2001:db8::1"), ("[2001:db8::1]", "2001:db8::1"),
    ("[2001:db8::1]:443", "2001:db8::1"), ("2001:db8::1:443", "2001:db8::1:443"),
    ("::ffff:203.0.113.5", "203.0.113.5"),
  ])
  func `a hop may have a port`(hop: String, client: String) throws {
    let rule = ClientAddress(trustedProxies: [try #require(NetworkRange("10.0.0.0/8"))])
    let found = try rule.client(peer: address("10.0.0.1"), forwardedFor: hop)
    #expect(try found == address(client))
  }

  @Test(arguments: [
    "203.0.113.5:", "203.0.113.5:http", "203.0.113.5:65536", "[2001:db8::1]:", "[2001:db8::1]443",
    ":443", "203.0.113.5 203.0.113.6",
  ])
  func `a hop with something else than a port names nobody`(hop: String) throws {
    let rule = ClientAddress(trustedProxies: [try #require(NetworkRange("10.0.0.0/8"))])
    let proxy = try address("10.0.0.1")
    #expect(rule.client(peer: proxy, forwardedFor: hop) == proxy)
  }

  @Test func `in any window at most burst and rate pass, and refusals do not count`() throws {
    var limit = AddressLimit(perSecond: 10, burst: 5, capacity: 100)
    let client = try address("192.0.2.1")
    var passed: [Int64] = []
    var now: Int64 = 0
    for step in 0..<3_000 {
      now += Int64(step % 7) * 3_000_000
      if limit.ask(client, now: now) == 0 { passed.append(now) }
    }
    for (index, start) in passed.enumerated() {
      for (other, end) in passed[index...].enumerated() {
        let allowed = 5 + (end - start) / 100_000_000
        #expect(Int64(other + 1) <= allowed)
        if Int64(other + 1) > allowed { return }
      }
    }
    // The full rate does pass: nothing was lost to refusals or to the turning of the table.
    #expect(Int64(passed.count) >= now / 100_000_000)
  }

  @Test func `the table is bounded, and who finds no room shares one limit`() throws {
    var limit = AddressLimit(perSecond: 1, burst: 1, capacity: 10)
    var passed = 0
    for index in 0..<1_000 {
      let client = NetworkAddress(high: UInt64(index + 1) << 32, low: 0)
      if limit.ask(client, now: 1) == 0 { passed += 1 }
    }
    #expect(passed == 11)
    #expect(limit.count <= 20)
  }
}
