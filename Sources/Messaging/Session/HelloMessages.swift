import Wire

/// What each side says of itself in the hello.
struct HelloParty: Hashable, Sendable {
  static let nonceBytes = 32

  let versions: ClosedRange<UInt8>
  let identity: PeerIdentity
  let nonce: [UInt8]

  func encode(into writer: inout ByteWriter) {
    writer.append(versions.lowerBound)
    writer.append(versions.upperBound)
    writer.append(identity.role.wireNumber)
    writer.append(identity.id)
    writer.append(identity.generation.rawValue)
    writer.append(nonce)
  }

  var bytes: [UInt8] {
    var writer = ByteWriter()
    encode(into: &writer)
    return writer.bytes
  }

  init(versions: ClosedRange<UInt8>, identity: PeerIdentity, nonce: [UInt8]) {
    self.versions = versions
    self.identity = identity
    self.nonce = nonce
  }

  init?(_ reader: inout ByteReader) {
    guard let low: UInt8 = reader.integer(), let high: UInt8 = reader.integer(), low <= high,
      let number: UInt8 = reader.integer(), let role = PeerIdentity.Role(wireNumber: number),
      let id = reader.string(limit: MessagingLimits.identityBytes),
      let generation: UInt64 = reader.integer(), let nonce = reader.take(Self.nonceBytes)
    else { return nil }
    self.init(
      versions: low...high,
      identity: PeerIdentity(role: role, id: id, generation: Generation(generation)), nonce: nonce)
  }
}

/// The server's half of the hello, with the proof that it holds the deployment's key.
struct HelloChallenge: Hashable, Sendable {
  let party: HelloParty
  let version: UInt8
  let proof: [UInt8]

  var bytes: [UInt8] {
    var writer = ByteWriter()
    party.encode(into: &writer)
    writer.append(version)
    writer.append(proof)
    return writer.bytes
  }

  init(party: HelloParty, version: UInt8, proof: [UInt8]) {
    self.party = party
    self.version = version
    self.proof = proof
  }

  init?(_ payload: [UInt8]) {
    var reader = ByteReader(payload)
    guard let party = HelloParty(&reader), let version: UInt8 = reader.integer(),
      let proof = reader.take(DeploymentKey.byteCount)
    else { return nil }
    self.init(party: party, version: version, proof: proof)
  }
}

/// The client's proof, under the nonce by which the server remembers the hello.
struct HelloProof: Hashable, Sendable {
  let serverNonce: [UInt8]
  let proof: [UInt8]

  var bytes: [UInt8] { serverNonce + proof }

  init(serverNonce: [UInt8], proof: [UInt8]) {
    self.serverNonce = serverNonce
    self.proof = proof
  }

  init?(_ payload: [UInt8]) {
    var reader = ByteReader(payload)
    guard let nonce = reader.take(HelloParty.nonceBytes),
      let proof = reader.take(DeploymentKey.byteCount)
    else { return nil }
    self.init(serverNonce: nonce, proof: proof)
  }
}

/// What the two proofs are made over: both parties with their nonces, and the version.
enum HelloTranscript {
  static func serverProof(
    _ key: DeploymentKey, client: HelloParty, server: HelloParty, version: UInt8
  ) -> [UInt8] {
    key.proof("aimstors hello, server", client.bytes, server.bytes, [version])
  }

  static func clientProof(
    _ key: DeploymentKey, client: HelloParty, server: HelloParty, version: UInt8
  ) -> [UInt8] {
    key.proof("aimstors hello, client", client.bytes, server.bytes, [version])
  }
}

extension PeerIdentity.Role {
  /// The role's number in a hello; added, never reused.
  var wireNumber: UInt8 {
    switch self {
    case .cell: 1
    case .router: 2
    case .controlPlane: 3
    case .follower: 4
    case .tool: 5
    }
  }

  init?(wireNumber: UInt8) {
    guard let role = Self.allCases.first(where: { $0.wireNumber == wireNumber }) else {
      return nil
    }
    self = role
  }
}
