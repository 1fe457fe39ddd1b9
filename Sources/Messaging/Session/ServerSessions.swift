/// The listener's side of all hellos and sessions, pure.
///
/// Bounded: the oldest gives way.
struct ServerSessions: Sendable {
  private struct Pending {
    let client: HelloParty
    let server: HelloParty
    let version: UInt8
  }

  private let key: DeploymentKey
  private let identity: PeerIdentity
  private let versions: ClosedRange<UInt8>
  private var pending: [[UInt8]: Pending] = [:]
  private var pendingOrder = Ring<[UInt8]>()
  private var sessions: [SessionToken: Session] = [:]
  private var sessionOrder = Ring<SessionToken>()

  init(key: DeploymentKey, identity: PeerIdentity, versions: ClosedRange<UInt8>) {
    self.key = key
    self.identity = identity
    self.versions = versions
  }

  var count: Int { sessions.count }

  /// Who holds `token`, or nil when it must say hello again.
  func session(_ token: SessionToken) -> Session? { sessions[token] }

  /// Answers a hello with a challenge, or says why not.
  ///
  /// `nonce` is fresh randomness.
  mutating func hello(_ frame: Frame, nonce: [UInt8]) -> Frame {
    var reader = ByteReader(frame.payload)
    guard let client = HelloParty(&reader) else { return Self.refusal("unreadable hello") }
    guard client.versions.overlaps(versions) else {
      return Self.refusal(
        "no common version: here \(versions.lowerBound) to \(versions.upperBound), "
          + "there \(client.versions.lowerBound) to \(client.versions.upperBound)")
    }
    let version = min(client.versions.upperBound, versions.upperBound)
    let server = HelloParty(versions: versions, identity: identity, nonce: nonce)
    let proof = HelloTranscript.serverProof(key, client: client, server: server, version: version)
    remember(Pending(client: client, server: server, version: version), nonce)
    return Frame(
      kind: .challenge,
      payload: HelloChallenge(party: server, version: version, proof: proof).bytes)
  }

  /// Checks the client's proof and opens its session.
  ///
  /// `token` is fresh randomness.
  mutating func prove(_ frame: Frame, token: SessionToken) -> Frame {
    guard let proof = HelloProof(frame.payload) else { return Self.refusal("unreadable proof") }
    guard let hello = pending.removeValue(forKey: proof.serverNonce) else {
      return Self.refusal("this hello is not known here")
    }
    let expected = HelloTranscript.clientProof(
      key, client: hello.client, server: hello.server, version: hello.version)
    guard DeploymentKey.equal(expected, proof.proof) else {
      return Self.refusal("the caller does not hold this deployment's key")
    }
    open(Session(token: token, peer: hello.client.identity, version: hello.version))
    var writer = ByteWriter()
    writer.append(token.high)
    writer.append(token.low)
    return Frame(kind: .welcome, version: hello.version, payload: writer.bytes)
  }

  private mutating func remember(_ hello: Pending, _ nonce: [UInt8]) {
    pending[nonce] = hello
    pendingOrder.append(nonce)
    while pendingOrder.count > MessagingLimits.pendingHellos {
      if let oldest = pendingOrder.popFirst() { pending[oldest] = nil }
    }
  }

  private mutating func open(_ session: Session) {
    sessions[session.token] = session
    sessionOrder.append(session.token)
    while sessionOrder.count > MessagingLimits.sessions {
      if let oldest = sessionOrder.popFirst() { sessions[oldest] = nil }
    }
  }

  private static func refusal(_ reason: String) -> Frame {
    Frame(kind: .helloRefused, payload: Array(reason.utf8))
  }
}
