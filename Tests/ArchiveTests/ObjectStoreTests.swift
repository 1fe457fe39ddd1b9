import AsyncHTTPClient
import Platform
import Simulation
import Storage
import Testing
import Wire

@testable import Archive

/// What every store must do, tried on both.
@Suite struct ObjectStoreTests {
  private func check(_ store: any ObjectStore) async throws {
    #expect(try await store.get("a/b") == nil)
    #expect(try await store.list("") == [])
    try await store.put("a/b", [1, 2, 3])
    try await store.put("a/b", [1, 2, 3])
    await #expect(throws: ArchiveError.conflict(name: "a/b")) { try await store.put("a/b", [4]) }
    #expect(try await store.get("a/b") == [1, 2, 3])
    try await store.put("a/c d+e", [])
    try await store.put("ab/x", [7])
    #expect(try await store.get("a/c d+e") == [])
    #expect(try await store.list("a/").map(\.name) == ["a/b", "a/c d+e"])
    #expect(try await store.list("a").map(\.name) == ["a/b", "a/c d+e", "ab/x"])
    #expect(try await store.list("a/").map(\.bytes) == [3, 0])
    try await store.remove("a/b")
    try await store.remove("a/b")
    #expect(try await store.list("").map(\.name) == ["a/c d+e", "ab/x"])
    for number in 0..<25 { try await store.put("page/\(ArchiveHex.encode(UInt64(number)))", [1]) }
    #expect(try await store.list("page/").count == 25)
  }

  @Test func `a directory`() async throws {
    try await withTemporaryDirectory { directory in
      try await check(
        DirectoryStore(
          root: "\(directory)/archive", files: LiveFileSystem(), random: LiveRandomSource()))
    }
  }

  @Test func `of many who store one name one wins, and the others hear of it`() async throws {
    try await withTemporaryDirectory { (directory: String) async throws in
      let store = DirectoryStore(
        root: directory, files: LiveFileSystem(), random: LiveRandomSource())
      let wins = await withTaskGroup(of: UInt8?.self) { group in
        for number in 0..<16 as Range<UInt8> {
          group.addTask {
            (try? await store.put("x/y", [number])) == nil ? nil : number
          }
        }
        return await group.reduce(into: [UInt8]()) { if let number = $1 { $0.append(number) } }
      }
      #expect(wins.count == 1)
      #expect(try await store.get("x/y") == wins)
      #expect(try await store.list("").count == 1)
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
      try await check(store(server, port, style, client: client))
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
