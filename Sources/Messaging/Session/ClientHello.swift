/// The caller's side of one hello, pure: hello → challenge → proof → welcome.
struct ClientHello: Sendable {
  enum Refusal: Error, Equatable {
    /// The peer refused, or what it said is not acceptable; the text is for people.
    case refused(String)
  }

  private enum Phase {
    /// → proved
    case said(HelloParty)
    /// → done
    case proved(PeerIdentity, version: UInt8)
  }

  private let key: DeploymentKey
  private var phase: Phase

  init(key: DeploymentKey, versions: ClosedRange<UInt8>, identity: PeerIdentity, nonce: [UInt8]) {
    self.key = key
    phase = .said(HelloParty(versions: versions, identity: identity, nonce: nonce))
  }

  /// The first frame.
  var hello: Frame {
    guard case .said(let party) = phase else { preconditionFailure("the hello was said") }
    return Frame(kind: .hello, payload: party.bytes)
  }

  /// Checks the server's challenge and answers the frame that proves this side.
  mutating func prove(_ answer: Frame) throws(Refusal) -> Frame {
    guard case .said(let party) = phase else { preconditionFailure("the challenge was answered") }
    let payload = try Self.payload(of: answer, expecting: .challenge)
    guard let challenge = HelloChallenge(payload) else { throw .refused("unreadable challenge") }
    guard party.versions.contains(challenge.version) else {
      throw .refused("the peer chose version \(challenge.version), which is not spoken here")
    }
    let expected = HelloTranscript.serverProof(
      key, client: party, server: challenge.party, version: challenge.version)
    guard DeploymentKey.equal(expected, challenge.proof) else {
      throw .refused("the peer does not hold this deployment's key")
    }
    phase = .proved(challenge.party.identity, version: challenge.version)
    let proof = HelloTranscript.clientProof(
      key, client: party, server: challenge.party, version: challenge.version)
    return Frame(
      kind: .proof, version: challenge.version,
      payload: HelloProof(serverNonce: challenge.party.nonce, proof: proof).bytes)
  }

  /// Reads the session out of the server's welcome.
  func finish(_ answer: Frame) throws(Refusal) -> Session {
    guard case .proved(let peer, let version) = phase else {
      preconditionFailure("a welcome before the proof")
    }
    var reader = ByteReader(try Self.payload(of: answer, expecting: .welcome))
    guard let high: UInt64 = reader.integer(), let low: UInt64 = reader.integer() else {
      throw .refused("unreadable welcome")
    }
    return Session(token: SessionToken(high: high, low: low), peer: peer, version: version)
  }

  private static func payload(
    of frame: Frame, expecting kind: Frame.Kind
  ) throws(Refusal) -> [UInt8] {
    if frame.kind == kind { return frame.payload }
    guard frame.kind == .helloRefused else { throw .refused("unexpected answer to the hello") }
    throw .refused(String(validating: frame.payload, as: UTF8.self) ?? "no readable reason")
  }
}

/// A proved relation between two processes.
struct Session: Hashable, Sendable {
  let token: SessionToken
  let peer: PeerIdentity
  let version: UInt8
}
