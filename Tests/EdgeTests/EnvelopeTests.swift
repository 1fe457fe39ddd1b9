import Edge
import Foundation
import Hummingbird
import Testing
import Wire

@Suite("Envelopes") struct EnvelopeTests {
  @Test func `what is written by hand is what the generated code reads`() throws {
    var head = HTTPRequest(method: .post, scheme: nil, authority: "h", path: "/v1/x?y=z")
    head.headerFields[.contentType] = "application/json"
    head.headerFields[.userAgent] = String(repeating: "u", count: 300)
    head.headerFields[.connection] = "close"
    let body = [UInt8](repeating: 0xAB, count: 70_000)
    let envelope = RequestEnvelope(
      head, body: ByteBuffer(bytes: body), hostKind: .app, clientAddress: "192.0.2.1",
      idempotencyKey: "k")
    let read = try Aimstors_ProtoRequest(
      serializedBytes: envelope.encoded(
        tenant: TenantID(trusted: "acme"), epoch: Epoch(300), generation: Generation(7)))
    var expected = Aimstors_ProtoRequest()
    expected.tenant = "acme"
    expected.epoch = 300
    expected.generation = 7
    expected.method = "POST"
    expected.target = "/v1/x?y=z"
    expected.hostKind = "app"
    for (name, value) in [
      ("content-type", "application/json"), ("user-agent", String(repeating: "u", count: 300)),
    ] {
      expected.headers.append(.with { ($0.name, $0.value) = (name, value) })
    }
    expected.body = Data(body)
    expected.clientAddress = "192.0.2.1"
    expected.idempotencyKey = "k"
    #expect(read == expected)
  }

  @Test func `an answer is read as the generated code writes it`() throws {
    let proto = Aimstors_ProtoResponse.with {
      $0.status = 201
      $0.headers = [
        .with { ($0.name, $0.value) = ("location", "/v1/operations/1") },
        .with { ($0.name, $0.value) = ("content-length", "5") },
        .with { ($0.name, $0.value) = ("x-aimstors-secret", "s") },
      ]
      $0.body = Data("hello world".utf8)
    }
    guard case .response(let response) = ResponseEnvelope.decode(try proto.serializedBytes())
    else {
      Issue.record("not a response")
      return
    }
    #expect(response.status.code == 201)
    #expect(response.headers[.location] == "/v1/operations/1")
    #expect(response.headers[.contentLength] == "11")
    #expect(response.headers.count == 2)
    let moved = Aimstors_ProtoResponse.with { ($0.moved.cell, $0.moved.epoch) = ("b", 300) }
    guard case .moved(let cell, let epoch) = ResponseEnvelope.decode(try moved.serializedBytes())
    else {
      Issue.record("not moved")
      return
    }
    #expect(cell == CellID(trusted: "b"))
    #expect(epoch == Epoch(300))
    // Whoever was asked does not know where.
    let away = Aimstors_ProtoResponse.with { $0.moved = Aimstors_ProtoMoved() }
    guard case .moved(nil, Epoch(0)) = ResponseEnvelope.decode(try away.serializedBytes()) else {
      Issue.record("not moved")
      return
    }
  }

  @Test func `damaged answers are refused without trapping`() throws {
    let bytes: [UInt8] = try Aimstors_ProtoResponse.with {
      $0.status = 200
      $0.headers = [.with { ($0.name, $0.value) = ("a", "b") }]
      $0.body = Data("body".utf8)
    }.serializedBytes()
    #expect(ResponseEnvelope.decode([]) == nil)
    for length in 0..<bytes.count { _ = ResponseEnvelope.decode(Array(bytes[..<length])) }
    for index in bytes.indices {
      for bit in 0..<8 {
        var damaged = bytes
        damaged[index] ^= 1 << UInt8(bit)
        _ = ResponseEnvelope.decode(damaged)
      }
    }
    // A length that reaches beyond the message.
    #expect(ResponseEnvelope.decode([0x08, 0xC8, 0x01, 0x1A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]) == nil)
  }
}
