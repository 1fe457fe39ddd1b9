import Edge
import NIOCore

extension NetworkAddress {
  /// The address of a connection's other end, straight from its bytes; nil for no IP address.
  init?(_ address: SocketAddress) {
    switch address {
    case .v4(let four):
      let bits = UInt32(bigEndian: four.address.sin_addr.s_addr)
      self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(bits))
    case .v6(let six):
      let (high, low) = withUnsafeBytes(of: six.address.sin6_addr) {
        ($0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      }
      self.init(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low))
    case .unixDomainSocket: return nil
    }
  }
}
