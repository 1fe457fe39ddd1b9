import Wire

/// One message of the request/reply protocol: a fixed header and a payload.
///
/// Header, 44 bytes, big-endian: magic `A` `M` · protocol version · kind · method (2) · reserved
/// (2) · session token (16) · budget in ms (4) · trace id (16). The payload is the rest.
/// Fields are added in the reserved bytes or at the payload's end, never renamed or reused.
struct Frame: Hashable, Sendable {
  /// What a frame is.
  ///
  /// Numbers travel; they are added, never reused.
  enum Kind: UInt8, Sendable, CaseIterable {
    /// Client → server, with a session token; payload of the method.
    case request = 1
    /// Server → client: the handler's answer.
    case reply = 2
    /// Server → client: the handler's refusal, a `ProtoFailure`.
    case refusal = 3
    /// Client → server: who I am, which versions I speak, a nonce.
    case hello = 4
    /// Server → client: the same of the server, the chosen version and its proof.
    case challenge = 5
    /// Client → server: the client's proof.
    case proof = 6
    /// Server → client: the session token.
    case welcome = 7
    /// Server → client: the hello is refused; the payload says why.
    case helloRefused = 8
    /// Server → client: the token is not known here (any more); nothing was executed.
    case sessionUnknown = 9
    /// Client → server and back: is somebody there?
    case ping = 10
    case pong = 11
  }

  var kind: Kind
  var version: UInt8 = ProtocolVersion.current
  var method: UInt16 = 0
  var session: SessionToken = .none
  /// How long the sender will wait, in milliseconds; 0 in answers.
  ///
  /// Relative, because the clocks of two machines differ.
  var budgetMilliseconds: UInt32 = 0
  var trace: TraceID = .none
  var payload: [UInt8] = []
}

/// The versions of the frame protocol that this build speaks.
///
/// Two adjacent builds share one. 1: requests and hellos. 2: a listener answers pings whatever its
/// handlers do, so that a peer that does not answer one is gone.
public enum ProtocolVersion {
  public static let current: UInt8 = 2
  public static let supported: ClosedRange<UInt8> = 1...2
  /// From this version on a peer may be judged by its answers to pings.
  static let pings: UInt8 = 2
}

/// Stands for a proved identity in every request after the hello: 128 random bits.
struct SessionToken: Hashable, Sendable {
  let high: UInt64
  let low: UInt64
  static let none = SessionToken(high: 0, low: 0)
}
