import Hummingbird
import Wire

/// Writes a `ProtoRequest` straight from an HTTP request: the body is copied once.
public struct RequestEnvelope: Sendable {
  private let head: HTTPRequest
  private let body: ByteBuffer
  private let hostKind: HostKind
  private let clientAddress: String
  private let idempotencyKey: String

  public init(
    _ head: HTTPRequest, body: ByteBuffer, hostKind: HostKind, clientAddress: String,
    idempotencyKey: String
  ) {
    self.head = head
    self.body = body
    self.hostKind = hostKind
    self.clientAddress = clientAddress
    self.idempotencyKey = idempotencyKey
  }

  /// The encoded envelope for one placement; a retry at another encodes anew.
  ///
  /// `tenant` is nil for the control plane.
  public func encoded(tenant: TenantID?, epoch: Epoch, generation: Generation) -> [UInt8] {
    var writer = ProtoWriter(capacity: body.readableBytes + 1024)
    writer.string(1, tenant?.rawValue ?? "")
    writer.varint(2, epoch.rawValue)
    writer.varint(3, generation.rawValue)
    writer.string(4, head.method.rawValue)
    writer.string(5, head.path ?? "/")
    writer.string(6, hostKind.rawValue)
    for field in head.headerFields where HeaderRule.travelsInward(field.name.canonicalName) {
      writer.pair(7, field.name.canonicalName, field.value)
    }
    if body.readableBytes > 0 {
      writer.header(8, length: body.readableBytes)
      writer.append(contentsOf: body.readableBytesView)
    }
    writer.string(9, clientAddress)
    writer.string(10, idempotencyKey)
    return writer.bytes
  }
}

/// Which headers cross the edge.
public enum HeaderRule {
  /// Headers of one connection, which mean nothing behind it.
  private static let hopByHop: Set<String> = [
    "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization",
    "te", "trailer", "transfer-encoding", "upgrade", "expect", "content-length",
  ]

  /// Whether a client's header goes to the cell.
  ///
  /// What the platform says between its processes (`x-aimstors-…`, the client's address) is never
  /// taken from a client.
  public static func travelsInward(_ name: String) -> Bool {
    if name.hasPrefix("x-aimstors-") || name.hasPrefix("x-forwarded-") { return false }
    return name != "forwarded" && name != "traceparent" && !hopByHop.contains(name)
  }

  /// Whether a process's header goes to the client.
  public static func travelsOutward(_ name: String) -> Bool {
    !name.hasPrefix("x-aimstors-") && !hopByHop.contains(name)
  }
}
