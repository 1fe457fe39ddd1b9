import Wire

/// Where a process answers, such as `tcp://127.0.0.1:7101` or `tls+tcp://cell-1.example:7101`.
public struct Address: Hashable, Sendable, CustomStringConvertible {
  public let url: String
  public init(_ url: String) { self.url = url }
  public var description: String { url }
}

/// Who a process is: exchanged in the hello, and proved there.
public struct PeerIdentity: Hashable, Sendable {
  public enum Role: String, Sendable, CaseIterable {
    case cell, router, controlPlane, follower, tool
  }
  public let role: Role
  /// The cell's, router's or tool's identifier.
  public let id: String
  public let generation: Generation

  public init(role: Role, id: String, generation: Generation) {
    self.role = role
    self.id = id
    self.generation = generation
  }
}

/// One request as its receiver sees it.
///
/// The hello has proved who sent it.
public struct IncomingRequest: Sendable {
  public let method: WireMethod
  public let peer: PeerIdentity
  /// The moment after which nobody waits for the answer.
  public let deadline: ContinuousClock.Instant
  /// 32 hexadecimal digits; the same from router through cell to Graph and back.
  public let traceID: String
  public let payload: [UInt8]

  public init(
    method: WireMethod, peer: PeerIdentity, deadline: ContinuousClock.Instant, traceID: String,
    payload: [UInt8]
  ) {
    self.method = method
    self.peer = peer
    self.deadline = deadline
    self.traceID = traceID
    self.payload = payload
  }
}

/// What a receiver answers: the reply's payload, or a thrown `Failure` that the caller receives.
public typealias RequestHandler = @Sendable (IncomingRequest) async throws(Failure) -> [UInt8]

/// Why a request brought no answer.
///
/// A refusal of the receiver is a `Failure` inside ``refused(_:)``.
public enum MessagingError: Error, Sendable {
  case refused(Failure)
  /// The peer is not connected, or its connection ended before the answer.
  /// `sent` tells whether the request may have been executed.
  case unreachable(Address, sent: Bool)
  /// No answer before the deadline; the request may have been executed.
  case deadlineExceeded(Address)
  /// The message is over the limit; nothing was sent.
  case tooLarge(bytes: Int, limit: Int)
  /// Every slot and the queue for them are taken; nothing was sent.
  case saturated(Address)
  /// No common version, or the hello was refused.
  case helloRefused(Address, reason: String)
  case closed
}

/// A process's end of the messaging layer: one of NNG, one in memory, chosen where it is wired.
public protocol Messenger: Sendable {
  var identity: PeerIdentity { get }

  /// Answers requests at `address` (port 0: any) and returns the address bound.
  func listen(at address: Address, handler: @escaping RequestHandler) async throws -> Address

  /// The peer at `address`; cheap, pooled, dials on first use and reconnects by itself.
  func peer(at address: Address) -> any Peer

  /// Publishes at `address` (port 0: any).
  func publisher(at address: Address) async throws -> any Publisher

  /// Messages of `topics` from the publisher at `address`. The stream holds at most
  /// ``MessagingLimits/subscriptionQueue`` messages and then drops the oldest: receivers repair
  /// gaps by version. Ends when the messenger closes.
  func subscribe(to address: Address, topics: Set<WireTopic>) async throws -> AsyncStream<
    Publication
  >

  /// Asks everyone who responds at `addresses`; answers what came before the deadline.
  func survey(
    _ method: WireMethod, _ payload: [UInt8], at addresses: [Address], timeout: Duration
  ) async -> [Address: [UInt8]]

  /// Stops listening, fails what is in flight, closes sockets.
  func close() async
}

/// Another process as a target of requests.
public protocol Peer: Sendable {
  var address: Address { get }

  /// Sends one request and waits for its answer, at most `timeout`.
  func request(
    _ method: WireMethod, _ payload: [UInt8], timeout: Duration, traceID: String
  ) async throws(MessagingError) -> [UInt8]

  /// Whether a connection stands; false within 1 s of the peer's death.
  var isConnected: Bool { get }
}

public protocol Publisher: Sendable {
  var address: Address { get }
  func publish(_ topic: WireTopic, _ payload: [UInt8]) async
}

/// One published message.
public struct Publication: Sendable {
  public let topic: WireTopic
  public let payload: [UInt8]
  public init(topic: WireTopic, payload: [UInt8]) {
    self.topic = topic
    self.payload = payload
  }
}
