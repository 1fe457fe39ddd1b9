import AsyncHTTPClient
import Platform
import Simulation
import Storage
import Testing
import Wire

@testable import Archive

/// What every store must do, tried on a directory and on a bucket in this process.
@Suite struct ObjectStoreTests {
  @Test func `a directory`() async throws {
    try await withTemporaryDirectory { directory in
      try await checkContract(
        DirectoryStore(
          root: "\(directory)/archive", files: LiveFileSystem(), random: LiveRandomSource()))
    }
  }

  @Test func `of many who store one name in a directory one wins, and the others hear of it`()
    async throws
  {
    try await withTemporaryDirectory { (directory: String) async throws in
      try await checkOneWins(
        DirectoryStore(root: directory, files: LiveFileSystem(), random: LiveRandomSource()))
    }
  }

  @Test(arguments: [S3Configuration.Style.path, .virtualHost])
  func `a bucket, with every request signed`(_ style: S3Configuration.Style) async throws {
    let server = S3TestServer(clock: SimulatedWallClock())
    // The bucket's own host is this machine, whatever the resolver says.
    var configuration = HTTPClient.Configuration()
    configuration.dnsOverride = ["\(S3TestServer.bucket).localhost": "127.0.0.1"]
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    try await server.run { port in
      try await checkContract(store(server, port, style, client: client))
    }
    try await client.shutdown()
    #expect(server.calls.contains { $0.hasPrefix("PUT deep/a/b") })
  }

  private func store(
    _ server: S3TestServer, _ port: Int, _ style: S3Configuration.Style = .path,
    secret: String = S3TestServer.credentials.secretKey, client: HTTPClient = .shared
  ) -> S3Store {
    var configuration = S3Configuration(
      scheme: "http", host: style == .path ? "127.0.0.1:\(port)" : "localhost:\(port)",
      bucket: S3TestServer.bucket, region: S3TestServer.region, style: style, prefix: "deep/",
      accessKey: S3TestServer.credentials.accessKey, secretKey: secret)
    configuration.pageSize = 10
    configuration.firstRetryMilliseconds = 1
    return S3Store(configuration, client: client, clock: SimulatedWallClock())
  }

  @Test func `a bucket that stumbles is tried again, and what was done once is done once`()
    async throws
  {
    let server = S3TestServer(clock: SimulatedWallClock())
    try await server.run { port in
      let store = store(server, port)
      server.fail([.unavailable, .unavailable, .failsAfter])
      try await store.put("a", [1])
      #expect(try await store.get("a") == [1])
      server.fail(Array(repeating: .unavailable, count: 5))
      await #expect(throws: ArchiveError.self) { try await store.get("a") }
    }
    #expect(server.names == ["deep/a"])
  }

  @Test func `a wrong secret is refused, not tried again for ever`() async throws {
    let server = S3TestServer(clock: SimulatedWallClock())
    try await server.run { port in
      let store = store(server, port, secret: "wrong")
      #expect(
        await code { () throws(ArchiveError) in _ = try await store.get("a") }
          == "archive_refused")
    }
  }
}
