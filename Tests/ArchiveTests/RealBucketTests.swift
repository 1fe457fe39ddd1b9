import AsyncHTTPClient
import Platform
import Simulation
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Archive

/// The archive in the bucket of a real S3 server (`tools/test --s3`).
@Suite(.enabled(if: RealBucket.named != nil, "there is no S3 server: tools/test --s3"))
struct RealBucketTests {
  private let tenant = ArchiveFixture.tenant

  private func store(
    _ change: (inout S3Configuration) -> Void = { _ in }, clock: any WallClock = LiveWallClock()
  ) throws -> S3Store {
    var configuration = try #require(RealBucket.named).configuration()
    change(&configuration)
    return S3Store(configuration, clock: clock)
  }

  @Test func `a bucket in the path does what every store must do`() async throws {
    try await checkContract(store { $0.pageSize = 10 })
  }

  @Test func `a bucket with a host of its own does what every store must do`() async throws {
    let bucket = try #require(RealBucket.named)
    var settings = HTTPClient.Configuration()
    settings.dnsOverride = [bucket.host: "127.0.0.1"]
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    var configuration = bucket.configuration(.virtualHost)
    configuration.pageSize = 10
    let tried = S3Store(configuration, client: client, clock: LiveWallClock())
    do { try await checkContract(tried) } catch {
      try await client.shutdown()
      throw error
    }
    try await client.shutdown()
  }

  @Test func `of many who store one name one wins`() async throws {
    try await checkOneWins(store())
  }

  @Test func `an object of the greatest size comes back as it was`() async throws {
    let store = try store()
    var random = SystemRandomNumberGenerator()
    var bytes: [UInt8] = []
    while bytes.count < ObjectSealer.contentBytes {
      withUnsafeBytes(of: random.next()) { bytes += $0 }
    }
    try await store.put("large", bytes)
    #expect(try await store.get("large") == bytes)
  }

  @Test func `a wrong secret and a wrong clock are refused`() async throws {
    let forged = try store { $0.secretKey += "x" }
    #expect(
      await code { () throws(ArchiveError) in try await forged.put("a", [1]) } == "archive_refused")
    let late = SimulatedWallClock()
    #expect(abs(late.milliseconds() - LiveWallClock().milliseconds()) > 900_000)
    let skewed = try store(clock: late)
    #expect(
      await code { () throws(ArchiveError) in try await skewed.put("a", [1]) } == "archive_refused")
  }

  @Test func `a tenant comes back from a bucket, by snapshot and by replay`() async throws {
    try await withArchive(store: store()) { fixture in
      try await fixture.engine.create(tenant, epoch: .first)
      fixture.start()
      try await fixture.pay(1...20)
      let manifest = try #require(try await fixture.service.snapshot(tenant))
      try await fixture.pay(21...30)
      #expect(await fixture.service.waitUntilArchived(seconds: 60))
      let latest = try await fixture.restore(.latest)
      #expect(latest.snapshot == manifest.name)
      #expect(latest.position.tenantSeq == TenantSeq(31))
      let served = try await fixture.engine.digest(tenant, recompute: false)
      for file in latest.files { #expect(served.files[file.name] == file.digest) }
      let early = try await fixture.restore(.tenantSeq(TenantSeq(6)))
      #expect(early.position.tenantSeq == TenantSeq(6))
    }
  }

  @Test func `whoever sees a higher claim in the bucket uploads nothing more`() async throws {
    try await checkFencing(store())
  }
}
