import Foundation
import Testing
import Wire

@testable import Messaging

/// What a peer may send: envelopes and frames of any bytes.
@Suite("Envelopes, fuzzed", .serialized) struct EnvelopeFuzzTests {
  private static let envelopes: [[UInt8]] = {
    var post = Aimstors_ProtoRequest()
    post.tenant = "acme"
    post.epoch = 3
    post.method = "POST"
    post.target = "/v1/messages?dry=1"
    post.hostKind = "api"
    post.clientAddress = "192.0.2.1"
    post.idempotencyKey = "key-1"
    post.headers = [("authorization", "Bearer ask_live_x"), ("content-type", "application/json")]
      .map { name, value in
        var header = Aimstors_ProtoHeader()
        header.name = name
        header.value = value
        return header
      }
    post.body = Data(#"{"to":"491234","type":"text"}"#.utf8)
    var get = Aimstors_ProtoRequest()
    get.method = "GET"
    get.target = "/v1/wallet"
    let requests: [[UInt8]?] = [try? post.serializedBytes(), try? get.serializedBytes(), []]
    return requests.compactMap { $0 }
  }()

  @Test func `an envelope of any bytes is read or refused`() throws {
    try Fuzzing.run(Mutator(Self.envelopes, seed: 4)) { input, _ in
      // The router's way: fields where they lie.
      var fields = ProtoScanner(input)
      var held = 0
      walk: while true {
        guard let next = try? fields.next() else { break walk }
        if case .bytes(let range) = next.field { held += range.count }
      }
      #expect(held <= input.count)
      guard let envelope = try? Aimstors_ProtoRequest(serializedBytes: input) else { return false }
      #expect(envelope.body.count <= input.count && envelope.headers.count <= input.count)
      let again: [UInt8] = try envelope.serializedBytes()
      #expect(try Aimstors_ProtoRequest(serializedBytes: again) == envelope)
      return true
    }
  }

  private static let frames: [[UInt8]] = [
    Frame(
      kind: .request, method: 7, session: SessionToken(high: 1, low: 2), budgetMilliseconds: 500,
      trace: TraceID("0123456789abcdef0123456789abcdef"), payload: [1, 2, 3]),
    Frame(kind: .pong), Frame(kind: .hello, payload: [UInt8](repeating: 9, count: 64)),
  ].map { FrameCodec.encode($0) }

  @Test func `a frame of any bytes is read or refused`() {
    Fuzzing.run(Mutator(Self.frames, seed: 5)) { input, _ in
      guard let frame = FrameCodec.decode(input) else { return false }
      #expect(frame.payload.count + FrameCodec.headerBytes == input.count)
      #expect(FrameCodec.decode(FrameCodec.encode(frame)) == frame)
      return true
    }
  }
}
