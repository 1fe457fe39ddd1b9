import Messaging
import Platform
import Simulation
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Cell
@testable import Replication

/// A target cell and its follower, as messages: what the source sends reaches both.
@Suite("Files of a move at the target's follower") struct FollowerCopiesTests {
  private static let epoch = Epoch(2)

  /// A source with a tenant, and the target that has none, with a follower that is fed.
  private struct Scene {
    let source: StorageEngine
    let target: StorageEngine
    let link: FollowerLink
    let copies: FollowerCopies
    let follower: FollowerNode
  }

  private func withScene(_ body: (Scene) async throws -> Void) async throws {
    let path = "/tmp/aimstors-replication-tests-\(String(LiveRandomSource().uint64(), radix: 16))"
    let files = LiveFileSystem()
    try files.createDirectory(path)
    let bench = Bench(path)
    let source = StorageEngine(
      EngineConfiguration(directory: "\(path)/s", cell: CellID(trusted: "c2")),
      clock: SimulatedWallClock(), random: SeededRandomSource(seed: 5), files: files,
      log: bench.log, schema: { _ in TestSchema.store() },
      fatal: { preconditionFailure("\($0)") })
    _ = try await source.start()
    try await source.create(Bench.tenant, epoch: .first)
    for id in 1...20 { try await source.pay(Int64(id)) }
    let (target, messenger) = try await bench.primary("p", createsTenant: false)
    let follower = try await bench.follower("f")
    let journal = try #require(target.journal)
    journal.gate.require(["f"])
    let link = bench.link("f", from: messenger)
    let feeding = Task { await link.run(journal) { true } }
    while !link.current.isStreaming { await Task.yield() }
    let copies = FollowerCopies(links: [link]) { journal.gate.required }
    try await body(
      Scene(source: source, target: target, link: link, copies: copies, follower: follower))
    feeding.cancel()
    _ = await feeding.value
    await source.close()
    await target.close()
    try FileTree.remove(path, files)
  }

  private func question() -> Aimstors_ProtoMoveQuestion {
    var question = Aimstors_ProtoMoveQuestion()
    question.tenant = Bench.tenant.rawValue
    question.epoch = Self.epoch.rawValue
    return question
  }

  /// Begins the move and copies the files to the target and, as parts, to its follower.
  private func copy(
    _ scene: Scene, damages: Bool = false
  ) async throws -> Aimstors_ProtoMoveImport {
    try await scene.source.beginMove(Bench.tenant, to: Bench.cell, under: Self.epoch)
    try scene.target.prepareImport(Bench.tenant, under: Self.epoch)
    var begin = Aimstors_ProtoMoveBegin()
    begin.tenant = Bench.tenant.rawValue
    begin.epoch = Self.epoch.rawValue
    begin.bytes = 1
    let names = scene.copies.current
    #expect(names == ["f"])
    try await scene.copies.pass(.moveBegin, begin, to: names, within: .seconds(300))
    let place = scene.target.importDirectory(Bench.tenant, under: Self.epoch)
    let snapshot = try await scene.source.snapshot(Bench.tenant, into: place)
    for file in snapshot.files {
      let bytes = try FileTree.bytes("\(place)/\(file.name)", LiveFileSystem())
      for offset in stride(from: 0, to: bytes.count, by: 50_000) {
        var part = Aimstors_ProtoMoveFile()
        part.tenant = Bench.tenant.rawValue
        part.epoch = Self.epoch.rawValue
        part.name = file.name
        part.offset = UInt64(offset)
        var content = Array(bytes[offset..<min(offset + 50_000, bytes.count)])
        if damages {
          for index in content.indices.suffix(200) { content[index] ^= 0xFF }
        }
        part.content = .init(content)
        try await scene.copies.pass(.moveFile, part, to: names, within: .seconds(300))
      }
    }
    var message = Aimstors_ProtoMoveImport()
    message.tenant = Bench.tenant.rawValue
    message.epoch = Self.epoch.rawValue
    message.lineage = snapshot.head.lineage.rawValue
    message.tenantSeq = snapshot.head.tenantSeq.rawValue
    message.hash = .init(snapshot.head.hash.bytes)
    message.timeMs = snapshot.head.time.milliseconds
    message.schemaVersion = snapshot.head.schemaVersion
    return message
  }

  private func complete(_ message: Aimstors_ProtoMoveImport, _ scene: Scene) async throws {
    let arrival = try MoveImport(message, from: CellID(trusted: "c2"))
    try await scene.target.beginImport(arrival) { () async throws(Failure) in
      try await scene.copies.pass(.moveImport, message, to: ["f"], within: .seconds(300))
    }
  }

  @Test func `they are there before the target is ready, and what follows is equal`()
    async throws
  {
    try await withScene { scene in
      let message = try await copy(scene)
      try await complete(message, scene)
      try await scene.copies.confirm(Bench.tenant, Self.epoch, at: ["f"])
      try scene.copies.demand(["f"])
      for id in 21...25 { try await scene.source.pay(Int64(id)) }
      let fence = try await scene.source.fence(Bench.tenant, within: 60_000_000_000)
      let at = try #require(scene.target.heads[Bench.tenant])
      _ = try await scene.target.appendImported(
        Bench.tenant, under: Self.epoch,
        try scene.source.takeMoved(Bench.tenant, after: at.tenantSeq, bytes: 1 << 20))
      // In `follower` mode: it waits for the follower.
      try await scene.target.readyForMove(Bench.tenant, under: Self.epoch, fence)
      let release = try await scene.source.releaseMove(
        Bench.tenant, to: Bench.cell, under: Self.epoch, ready: fence.hash
      ) { true }
      _ = try await scene.target.adoptMoved(Bench.tenant, release)
      try await scene.target.pay(26)
      let expected = try await scene.target.digests()
      while true {
        let its = try? await scene.follower.engine.digest(Bench.tenant, recompute: true)
        if its?.files.mapValues({ "\($0)" }) == expected { break }
        await Task.yield()
      }
    }
  }

  @Test func `files that are damaged on their way are not taken`() async throws {
    try await withScene { scene in
      let message = try await copy(scene, damages: true)
      let code = await refusal { try await complete(message, scene) }
      #expect(code == .verificationFailed)
      #expect(scene.target.heads[Bench.tenant] == nil)
      await scene.copies.discard(Bench.tenant, Self.epoch, at: ["f"])
      let place = scene.follower.engine.importDirectory(Bench.tenant, under: Self.epoch)
      #expect(try !LiveFileSystem().exists(place))
    }
  }

  @Test func `a follower without them is not passed over`() async throws {
    try await withScene { scene in
      let message = try await copy(scene)
      // It has lost what it was given.
      try await scene.copies.pass(.moveRefuse, question(), to: ["f"], within: .seconds(300))
      try await scene.target.beginImport(try MoveImport(message, from: CellID(trusted: "c2")))
      let code = await refusal {
        try await scene.copies.confirm(Bench.tenant, Self.epoch, at: ["f"])
      }
      #expect(code == .verificationFailed)
      // One that came while the tenant was copied has the journal only.
      let late = await refusal { try scene.copies.demand([]) }
      #expect(late == .conflict)
    }
  }

  private func refusal(_ body: () async throws -> Void) async -> FailureCode? {
    do { try await body() } catch { return (error as? Failure)?.code }
    return nil
  }
}
