import Cryptography
import Logging
import Messaging
import Platform
import Simulation
import Testing
import Wire

@testable import Cell

@Suite("Reading requests at a follower") struct FollowerReadsTests {
  private let path = "/v1/tenants/t1/wallet/entries"

  private func request(
    _ method: String, _ target: String, host: String = "admin"
  ) throws -> IncomingRequest {
    var envelope = Aimstors_ProtoRequest()
    envelope.tenant = "t1"
    envelope.epoch = 1
    envelope.method = method
    envelope.target = target
    envelope.hostKind = host
    var header = Aimstors_ProtoHeader()
    (header.name, header.value) = ("x-aimstors-operator", "ops")
    envelope.headers = [header]
    return IncomingRequest(
      method: .http, peer: PeerIdentity(role: .cell, id: "c1", generation: .first),
      deadline: .now.advanced(by: .seconds(300)), traceID: String(repeating: "a", count: 32),
      payload: try envelope.serializedBytes())
  }

  @Test func `an operator's report is the same out of the copy, and nothing else is answered`()
    async throws
  {
    let api = try TestAPI()
    let topUp = #"{"amount_micros":1000000,"currency":"EUR","reference":"bank-1"}"#
    #expect(await api.admin("POST", "/v1/tenants/t1/wallet/top-ups", topUp).status == 201)
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let reads = FollowerReads(
      store: api.log, cell: CellID(trusted: "c1"),
      keys: KeyRing(.init(sealing: [[UInt8](repeating: 5, count: 32)])), clock: api.clock,
      random: SeededRandomSource(seed: 1), logger: logger)

    let bytes = try await reads.answer(try request("GET", "\(path)?limit=5&read=follower"))
    let answer = try Aimstors_ProtoResponse(serializedBytes: bytes)
    let served = await api.admin("GET", "\(path)?limit=5")
    #expect(answer.status == 200 && served.status == 200)
    #expect([UInt8](answer.body) == served.bytes)
    #expect(String(decoding: served.bytes, as: UTF8.self).contains("1000000"))

    for other in [
      try request("POST", "/v1/tenants/t1/wallet/top-ups?read=follower"),
      try request("GET", "/v1/wallet?read=follower", host: "api"), try request("GET", path),
    ] {
      await #expect(throws: Failure.self) { try await reads.answer(other) }
    }
  }

  @Test func `where no follower is fed that is said, not answered by the primary`() async throws {
    let asked = try request("GET", "\(path)?read=follower")
    let envelope = try Aimstors_ProtoRequest(serializedBytes: asked.payload)
    #expect(FollowerReads.isAsked(envelope))
    let answer = await FollowerReads.pass(envelope, asked, to: [])
    #expect(Int(answer.status) == FailureCode.cellUnavailable.httpStatus)
  }
}
