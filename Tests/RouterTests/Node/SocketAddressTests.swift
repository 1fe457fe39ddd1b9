import Edge
import NIOCore
import Testing

@testable import Router

@Suite struct SocketAddressTests {
  @Test(arguments: ["192.0.2.7", "127.0.0.1", "2001:db8::7:1", "::1", "::ffff:198.51.100.4"])
  func `a connection's address is the one that its text names`(_ text: String) throws {
    let socket = try SocketAddress(ipAddress: text, port: 443)
    #expect(NetworkAddress(socket) == NetworkAddress(text))
  }

  @Test func `a path is no address`() throws {
    #expect(NetworkAddress(try SocketAddress(unixDomainSocketPath: "/tmp/x")) == nil)
  }
}
