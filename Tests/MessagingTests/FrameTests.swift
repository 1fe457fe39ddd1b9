import Simulation
import Testing
import Wire

@testable import Messaging

@Suite("Frames") struct FrameTests {
  /// A request frame of protocol version 1, byte for byte.
  ///
  /// It must decode for ever.
  private static let goldenRequest: [UInt8] =
    [0x41, 0x4D, 0x01, 0x01, 0x00, 0x0A, 0x00, 0x00]
    + [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08]
    + [0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18]
    + [0x00, 0x00, 0x75, 0x30]
    + [0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF]
    + [0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10]
    + [0xCA, 0xFE]

  /// A hello of router "r1", generation 5, versions 1 to 2, with a nonce of 0…31.
  private static let goldenHello: [UInt8] =
    [0x01, 0x02, 0x02, 0x00, 0x02, 0x72, 0x31, 0, 0, 0, 0, 0, 0, 0, 5] + (0..<32).map { $0 }

  private static let request = Frame(
    kind: .request, version: 1, method: 10,
    session: SessionToken(high: 0x0102_0304_0506_0708, low: 0x1112_1314_1516_1718),
    budgetMilliseconds: 30_000, trace: TraceID("0123456789abcdeffedcba9876543210"),
    payload: [0xCA, 0xFE])

  @Test func `the golden request encodes and decodes`() {
    #expect(FrameCodec.encode(Self.request) == Self.goldenRequest)
    #expect(FrameCodec.decode(Self.goldenRequest) == Self.request)
  }

  @Test func `the golden hello encodes and decodes`() {
    let party = HelloParty(
      versions: 1...2,
      identity: PeerIdentity(role: .router, id: "r1", generation: Generation(5)),
      nonce: (0..<32).map { $0 })
    #expect(party.bytes == Self.goldenHello)
    var reader = ByteReader(Self.goldenHello)
    #expect(HelloParty(&reader) == party)
  }

  @Test func `numbers of kinds, roles and topics are frozen`() {
    let kinds = Frame.Kind.allCases.map { "\($0) \($0.rawValue)" }
    #expect(
      kinds == [
        "request 1", "reply 2", "refusal 3", "hello 4", "challenge 5", "proof 6", "welcome 7",
        "helloRefused 8", "sessionUnknown 9", "ping 10", "pong 11",
      ])
    let roles = PeerIdentity.Role.allCases.map { "\($0) \($0.wireNumber)" }
    #expect(roles == ["cell 1", "router 2", "controlPlane 3", "follower 4", "tool 5"])
  }

  @Test func `a frame cut anywhere in its header is none`() {
    for count in 0..<FrameCodec.headerBytes {
      #expect(FrameCodec.decode(Array(Self.goldenRequest.prefix(count))) == nil)
    }
    #expect(FrameCodec.decode(Array(Self.goldenRequest.prefix(FrameCodec.headerBytes))) != nil)
  }

  @Test func `unknown magic and unknown kinds are no frames`() {
    for index in [0, 1, 3] {
      var bytes = Self.goldenRequest
      bytes[index] = 0xEE
      #expect(FrameCodec.decode(bytes) == nil)
    }
  }

  @Test func `random bytes never trap, and what decodes encodes to itself`() {
    let random = SeededRandomSource(seed: 20_261_123)
    var decoded = 0
    for round in 0..<20_000 {
      var bytes = random.bytes(Int(random.uint64() % 160))
      // Half of them with a plausible start, so that the fields behind it are reached.
      if round.isMultiple(of: 2), bytes.count > 8 {
        bytes.replaceSubrange(0..<8, with: [0x41, 0x4D, 1, UInt8(round / 2 % 11 + 1), 0, 1, 0, 0])
      }
      if let frame = FrameCodec.decode(bytes) {
        decoded += 1
        #expect(FrameCodec.encode(frame) == bytes)
      }
      var reader = ByteReader(bytes)
      _ = HelloParty(&reader)
      _ = HelloChallenge(bytes)
      _ = HelloProof(bytes)
      _ = PublicationSeal.split(bytes)
      _ = Failure(payload: bytes)
    }
    #expect(decoded > 3_000)
  }

  @Test func `a trace id survives, any other text is none`() {
    let text = "00112233445566778899aabbccddeeff"
    #expect(TraceID(text).text == text)
    #expect(TraceID("abc") == .none)
    #expect(TraceID("0011223344556677889900112233445g") == .none)
    #expect(TraceID.none.text == String(repeating: "0", count: 32))
  }

  @Test func `an unreadable refusal is an internal error`() {
    #expect(Failure(payload: []).code == .internalError)
    #expect(Failure(payload: [0xFF, 0xFF]).code == .internalError)
    let failure = Failure(.mailboxFull, "full", retryAfterMilliseconds: 5)
    #expect(Failure(payload: failure.payload) == failure)
  }
}
