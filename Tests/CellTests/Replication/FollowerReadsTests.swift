import Cryptography
import Logging
import Messaging
import Platform
import Simulation
import Storage
import Synchronization
import Testing
import Wire

@testable import Cell

/// A follower that answers with its name, and counts who asks.
private final class NamedPeer: Peer {
  let address = Address("test")
  let isConnected = true
  private let name: String
  private let asked = Mutex(0)

  init(_ name: String) { self.name = name }

  var count: Int { asked.withLock { $0 } }

  func request(
    _ method: WireMethod, _ payload: [UInt8], timeout: Duration, traceID: String
  ) async throws(MessagingError) -> [UInt8] {
    asked.withLock { $0 += 1 }
    var answer = Aimstors_ProtoResponse()
    answer.status = 200
    answer.body = .init(name.utf8)
    return (try? answer.serializedBytes()) ?? []
  }
}

@Suite("Reading requests at a follower") struct FollowerReadsTests {
  private let path = "/v1/tenants/t1/wallet/entries"
  private let asOf = Timestamp(milliseconds: 1_700_000_000_000)

  private var logger: Logger {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
  }

  private func request(
    _ method: String, _ target: String, host: String = "admin", tenant: String = "t1"
  ) throws -> IncomingRequest {
    var envelope = Aimstors_ProtoRequest()
    envelope.tenant = tenant
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

  /// The routes over the files of `copy`, whose first record that is not in them is so old.
  private func reads(_ copy: TestAPI, waiting milliseconds: Int64? = nil) -> FollowerReads {
    let oldest = milliseconds.map { Timestamp(milliseconds: copy.clock.milliseconds() - $0) }
    let standing = FollowerReads.Standing(asOf: asOf, oldestUnapplied: oldest)
    return FollowerReads(
      store: copy.log, cell: CellID(trusted: "c1"),
      keys: KeyRing(.init(sealing: [[UInt8](repeating: 5, count: 32)])), clock: copy.clock,
      random: SeededRandomSource(seed: 1), logger: logger, standing: { standing })
  }

  private func answer(
    _ reads: FollowerReads, _ target: String, tenant: String = "t1"
  ) async throws -> Aimstors_ProtoResponse {
    let bytes = try await reads.answer(try request("GET", target, tenant: tenant))
    return try Aimstors_ProtoResponse(serializedBytes: bytes)
  }

  private func topUp(_ api: TestAPI, _ micros: Int) async {
    let body = #"{"amount_micros":\#(micros),"currency":"EUR","reference":"bank-1"}"#
    #expect(await api.admin("POST", "/v1/tenants/t1/wallet/top-ups", body).status == 201)
  }

  @Test func `an operator's report is out of the copy, says of when, and nothing else is answered`()
    async throws
  {
    let (primary, copy) = (try TestAPI(), try TestAPI())
    await topUp(primary, 2_000_000)
    await topUp(copy, 1_000_000)
    let reads = reads(copy)
    let report = try await answer(reads, "\(path)?limit=5&read=follower")
    let its = await copy.admin("GET", "\(path)?limit=5")
    let served = await primary.admin("GET", "\(path)?limit=5")
    #expect(report.status == 200 && its.status == 200 && served.status == 200)
    #expect([UInt8](report.body) == its.bytes && its.bytes != served.bytes)
    #expect(String(decoding: its.bytes, as: UTF8.self).contains("1000000"))
    let age = report.headers.filter { $0.name == FollowerReads.ageHeader }.map(\.value)
    #expect(age == [asOf.rfc3339])

    for other in [
      try request("POST", "/v1/tenants/t1/wallet/top-ups?read=follower"),
      try request("GET", "/v1/wallet?read=follower", host: "api"), try request("GET", path),
    ] {
      await #expect(throws: Failure.self) { try await reads.answer(other) }
    }
    // Who is asked about is who the request is for, and somebody of this cell.
    let foreign = try await answer(reads, "/v1/tenants/t2/wallet/entries?read=follower")
    #expect(Int(foreign.status) == FailureCode.invalidRequest.httpStatus)
    let unknown = try await answer(
      reads, "/v1/tenants/t9/wallet/entries?read=follower", tenant: "t9")
    #expect(Int(unknown.status) == FailureCode.notFound.httpStatus)
  }

  @Test func `what the document says that followers read, they read, and nothing else`()
    async throws
  {
    let copy = try TestAPI()
    let prices = """
      {"currency":"EUR","rates":[{"market":"*","category":"marketing",
      "valid_from":"2026-01-01T00:00:00Z","amount_micros":50000}]}
      """
    #expect(await copy.admin("PUT", "/v1/tenants/t1/prices", prices).status == 200)
    let routes = PublishedDocument.cellsReadings
    #expect(routes.count { $0.isReadAtFollowers } == 9)
    for route in routes {
      let target = "\(route.path.replacing("{id}", with: "t1"))?read=follower"
      let status = Int(try await answer(reads(copy), target).status)
      let expected = route.isReadAtFollowers ? 200 : FailureCode.invalidState.httpStatus
      #expect(status == expected, "\(target)")
    }
  }

  @Test func `a request that writes as well is refused, and writes nothing`() async throws {
    let copy = try TestAPI()
    await topUp(copy, 1_000_000)
    let before = await copy.audited()
    let commands = copy.log.origins.count
    let refused = try await answer(reads(copy), "/v1/tenants/t1/audit/export?read=follower")
    #expect(Int(refused.status) == FailureCode.invalidState.httpStatus)
    #expect(String(decoding: refused.body, as: UTF8.self).contains("without read=follower"))
    #expect(copy.log.origins.count == commands)
    #expect(await copy.audited() == before)
    // The log itself is read.
    let log = try await answer(reads(copy), "/v1/tenants/t1/audit?read=follower")
    #expect(log.status == 200)
  }

  @Test func `files that lack what was copied long ago answer nothing`() async throws {
    let copy = try TestAPI()
    await topUp(copy, 1_000_000)
    let near = try await answer(reads(copy, waiting: 10_000), "\(path)?read=follower")
    #expect(near.status == 200)
    do {
      _ = try await answer(reads(copy, waiting: 10_001), "\(path)?read=follower")
      Issue.record("it answered")
    } catch let failure as Failure {
      #expect(failure.code == .recovering)
    }
  }

  // Whom the primary asks.

  private func link(_ peer: NamedPeer, fed: Bool = true, missing seconds: UInt64?) -> FollowerLink {
    let link = FollowerLink(
      .init(replica: "c1-b", address: peer.address), peer: peer, cell: CellID(trusted: "c1"),
      replica: "c1-a", generation: .first, began: .start, logger: logger)
    let now = MonotonicTime.nanoseconds()
    link.sight.withLock { sight in
      sight.isStreaming = fed
      if let seconds { sight.ends = [(CellSeq(9), now - min(now, seconds * 1_000_000_000))] }
    }
    return link
  }

  private func passed(to links: [FollowerLink]) async throws -> Aimstors_ProtoResponse {
    let asked = try request("GET", "\(path)?read=follower")
    let envelope = try Aimstors_ProtoRequest(serializedBytes: asked.payload)
    #expect(FollowerReads.isAsked(envelope))
    return await FollowerReads.pass(envelope, asked, to: links)
  }

  @Test func `the follower that lacks least is asked, and only one that is fed`() async throws {
    let peers = ["late", "away", "near"].map { NamedPeer($0) }
    let answer = try await passed(to: [
      link(peers[0], missing: 5), link(peers[1], fed: false, missing: nil),
      link(peers[2], missing: nil),
    ])
    #expect(String(decoding: answer.body, as: UTF8.self) == "near")
    #expect(peers.map(\.count) == [0, 0, 1])
  }

  @Test func `where none is fed, or each is far behind, that is said`() async throws {
    let peers = ["away", "late"].map { NamedPeer($0) }
    let away = try await passed(to: [link(peers[0], fed: false, missing: nil)])
    #expect(Int(away.status) == FailureCode.cellUnavailable.httpStatus)
    let late = try await passed(to: [link(peers[1], missing: 3_600)])
    #expect(Int(late.status) == FailureCode.recovering.httpStatus)
    #expect(String(decoding: late.body, as: UTF8.self).contains("recovering"))
    #expect(peers.map(\.count) == [0, 0])
  }
}
