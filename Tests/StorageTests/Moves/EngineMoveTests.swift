import Platform
import Testing
import Wire

@testable import Storage

/// A tenant on its way between two engines, on real files: what a cell's driver asks of them.
@Suite("A tenant's move") struct EngineMoveTests {
  /// Two cells and one tenant on the first.
  struct Pair {
    let directory: String
    var a: TestEngine
    var b: TestEngine

    static let first = CellID(trusted: "a")
    static let second = CellID(trusted: "b")

    init(_ directory: String) async throws {
      self.directory = directory
      a = try await Self.engine(directory, "a")
      b = try await Self.engine(directory, "b")
      try await a.engine.create(TestEngine.tenant, epoch: .first)
    }

    static func engine(_ directory: String, _ name: String) async throws -> TestEngine {
      try await TestEngine("\(directory)/\(name)") { $0.cell = CellID(trusted: name) }
    }

    mutating func restartA() async throws {
      await a.engine.abandon()
      a = try await Self.engine(directory, "a")
    }

    mutating func restartB() async throws {
      await b.engine.abandon()
      b = try await Self.engine(directory, "b")
    }

    func close() async {
      await a.close()
      await b.close()
    }
  }

  static let tenant = TestEngine.tenant
  static let epoch = Epoch(2)

  /// Begins the move, copies the files and has the target import them.
  func importFiles(
    from source: TestEngine, to target: TestEngine, under epoch: Epoch = Self.epoch,
    source cell: CellID = Pair.first, target other: CellID = Pair.second
  ) async throws {
    try await source.engine.beginMove(Self.tenant, to: other, under: epoch)
    try target.engine.prepareImport(Self.tenant, under: epoch)
    let snapshot = try await source.engine.snapshot(
      Self.tenant, into: target.engine.importDirectory(Self.tenant, under: epoch))
    let head = snapshot.head
    try await target.engine.beginImport(
      MoveImport(
        tenant: Self.tenant, lineage: head.lineage, epoch: epoch, source: cell,
        tenantSeq: head.tenantSeq, hash: head.hash, time: head.time,
        schemaVersion: head.schemaVersion, nextDue: head.nextDue))
  }

  /// Sends what the target lacks; answers where it stands.
  @discardableResult
  func stream(
    from source: TestEngine, to target: TestEngine, under epoch: Epoch = Self.epoch
  ) async throws(Failure) -> TenantHead {
    let at = target.engine.heads[Self.tenant]?.tenantSeq ?? .zero
    let records = try source.engine.takeMoved(Self.tenant, after: at, bytes: 1 << 20)
    // As they travel.
    let sent = records.compactMap { try? SealedRecord(decoding: $0.encoded) }
    #expect(sent.map(\.hash) == records.map(\.hash))
    return try await target.engine.appendImported(Self.tenant, under: epoch, sent)
  }

  /// Everything up to the target's readiness.
  func makeReady(
    from source: TestEngine, to target: TestEngine, under epoch: Epoch = Self.epoch,
    source cell: CellID = Pair.first, target other: CellID = Pair.second
  ) async throws -> MoveFence {
    try await importFiles(
      from: source, to: target, under: epoch, source: cell, target: other)
    let fence = try await source.engine.fence(Self.tenant, within: 60_000_000_000)
    try await stream(from: source, to: target, under: epoch)
    try await target.engine.readyForMove(Self.tenant, under: epoch, fence)
    return fence
  }

  func expectServed(
    _ test: TestEngine, _ counts: [Int], epoch: Epoch
  ) async throws {
    #expect(test.engine.servedHeads[Self.tenant]?.epoch == epoch)
    let found = try await test.counts()
    #expect(found == counts)
    let digest = try await test.engine.digest(Self.tenant, recompute: true)
    #expect(digest.recomputed)
  }

  func expectAway(_ test: TestEngine) async {
    let write = await refusal { try await test.pay(1_000) }
    #expect(write == .moved)
    let read = await refusal { _ = try await test.counts() }
    #expect(read == .moved)
  }

  @Test func `what was written before, during and after is all there`() async throws {
    try await withTemporaryDirectory { directory in
      let pair = try await Pair(directory)
      for id in 1...5 { try await pair.a.pay(Int64(id)) }
      try await importFiles(from: pair.a, to: pair.b)
      for id in 6...9 { try await pair.a.pay(Int64(id)) }
      try await stream(from: pair.a, to: pair.b)
      await expectAway(pair.b)
      try await pair.a.pay(10)
      let fence = try await pair.a.engine.fence(Self.tenant, within: 60_000_000_000)
      // Reads go on; a command waits.
      let counts = try await pair.a.counts()
      #expect(counts == [10, 10])
      async let late = refusal { try await pair.a.pay(11) }
      try await stream(from: pair.a, to: pair.b)
      try await pair.b.engine.readyForMove(Self.tenant, under: Self.epoch, fence)
      let release = try await pair.a.engine.releaseMove(
        Self.tenant, to: Pair.second, under: Self.epoch, ready: fence.hash
      ) { true }
      let waited = await late
      #expect(waited == .moved)
      await expectAway(pair.a)
      _ = try await pair.b.engine.adoptMoved(Self.tenant, release)
      try await expectServed(pair.b, [10, 10], epoch: Self.epoch)
      try await pair.b.pay(11)
      try pair.a.engine.depart(Self.tenant)
      #expect(pair.a.engine.departing.isEmpty)
      #expect(pair.a.engine.departed.map(\.epoch) == [Self.epoch])
      await pair.close()
      // One chain, whoever wrote it.
      for name in ["a", "b"] {
        let found = try JournalVerification.run(
          directory: "\(directory)/\(name)/journal", files: LiveFileSystem())
        #expect(found.ok, "\(found.chainBreaks) \(found.headsProblem ?? "")")
      }
    }
  }

  @Test func `a move back and forth goes on where it was`() async throws {
    try await withTemporaryDirectory { directory in
      let pair = try await Pair(directory)
      var id: Int64 = 0
      for round in 0..<4 {
        let epoch = Epoch(UInt64(round) + 2)
        let (source, target) = round % 2 == 0 ? (pair.a, pair.b) : (pair.b, pair.a)
        let (cell, other) =
          round % 2 == 0 ? (Pair.first, Pair.second) : (Pair.second, Pair.first)
        for _ in 0..<3 {
          id += 1
          try await source.pay(id)
        }
        let fence = try await makeReady(
          from: source, to: target, under: epoch, source: cell, target: other)
        let release = try await source.engine.releaseMove(
          Self.tenant, to: other, under: epoch, ready: fence.hash
        ) { true }
        _ = try await target.engine.adoptMoved(Self.tenant, release)
        try source.engine.depart(Self.tenant)
        try await expectServed(target, [Int(id), Int(id)], epoch: epoch)
        await expectAway(source)
      }
      await pair.close()
    }
  }

  @Test func `a used epoch is refused`() async throws {
    try await withTemporaryDirectory { directory in
      let pair = try await Pair(directory)
      try await pair.a.pay(1)
      try await pair.a.engine.beginMove(Self.tenant, to: Pair.second, under: Self.epoch)
      try await pair.a.engine.burnMove(Self.tenant, under: Self.epoch)
      let again = await refusal {
        try await pair.a.engine.beginMove(Self.tenant, to: Pair.second, under: Self.epoch)
      }
      #expect(again == .epochStale)
      try await pair.a.pay(2)
      try await expectServed(pair.a, [2, 2], epoch: .first)
      try await pair.a.engine.beginMove(Self.tenant, to: Pair.second, under: Epoch(3))
      await pair.close()
    }
  }

  @Test(arguments: [false, true])
  func `a source that restarts before its release goes on and burns`(
    isReady: Bool
  ) async throws {
    try await withTemporaryDirectory { directory in
      var pair = try await Pair(directory)
      try await pair.a.pay(1)
      if isReady {
        _ = try await makeReady(from: pair.a, to: pair.b)
      } else {
        try await importFiles(from: pair.a, to: pair.b)
      }
      try await pair.restartA()
      #expect(pair.a.engine.moveStanding(Self.tenant, under: Self.epoch) == .pending)
      try await expectServed(pair.a, [1, 1], epoch: .first)
      try await pair.a.engine.burnMove(Self.tenant, under: Self.epoch)
      #expect(pair.a.engine.moveStanding(Self.tenant, under: Self.epoch) == .burned)
      try await pair.restartA()
      #expect(pair.a.engine.moveStanding(Self.tenant, under: Self.epoch) == .burned)
      try await pair.a.pay(2)
      try await pair.b.engine.refuseMoved(Self.tenant, under: Self.epoch)
      try await pair.restartB()
      await expectAway(pair.b)
      #expect(pair.b.engine.arriving.isEmpty)
      let exists = try LiveFileSystem().exists("\(directory)/b/tenants/\(Self.tenant)")
      #expect(!exists)
      // And it may come again, under an epoch that was not used.
      let fence = try await makeReady(from: pair.a, to: pair.b, under: Epoch(3))
      let release = try await pair.a.engine.releaseMove(
        Self.tenant, to: Pair.second, under: Epoch(3), ready: fence.hash
      ) { true }
      _ = try await pair.b.engine.adoptMoved(Self.tenant, release)
      try await expectServed(pair.b, [2, 2], epoch: Epoch(3))
      await pair.close()
    }
  }

  @Test(arguments: [false, true])
  func `after the release restarts change nothing`(adoptsFirst: Bool) async throws {
    try await withTemporaryDirectory { directory in
      var pair = try await Pair(directory)
      try await pair.a.pay(1)
      let fence = try await makeReady(from: pair.a, to: pair.b)
      let release = try await pair.a.engine.releaseMove(
        Self.tenant, to: Pair.second, under: Self.epoch, ready: fence.hash
      ) { true }
      if adoptsFirst { _ = try await pair.b.engine.adoptMoved(Self.tenant, release) }
      try await pair.restartA()
      try await pair.restartB()
      await expectAway(pair.a)
      #expect(pair.a.engine.departing.map(\.tenant) == [Self.tenant])
      #expect(pair.a.engine.release(of: Self.tenant) == release)
      #expect(pair.a.engine.moveStanding(Self.tenant, under: Self.epoch) == .released(release))
      if !adoptsFirst { await expectAway(pair.b) }
      _ = try await pair.b.engine.adoptMoved(Self.tenant, release)
      // Told twice, it answers the same.
      _ = try await pair.b.engine.adoptMoved(Self.tenant, release)
      try await expectServed(pair.b, [1, 1], epoch: Self.epoch)
      try pair.a.engine.depart(Self.tenant)
      try await pair.restartA()
      #expect(pair.a.engine.departing.isEmpty)
      await expectAway(pair.a)
      await pair.close()
    }
  }

  @Test func `a target that restarts in the copy gives it up`() async throws {
    try await withTemporaryDirectory { directory in
      var pair = try await Pair(directory)
      try await pair.a.pay(1)
      try await importFiles(from: pair.a, to: pair.b)
      try await pair.a.pay(2)
      try await stream(from: pair.a, to: pair.b)
      try await pair.restartB()
      #expect(pair.b.engine.arriving.map(\.tenant) == [Self.tenant])
      await expectAway(pair.b)
      // What came is still there, and would be gone on with.
      let (its, others) = (pair.b.engine.heads[Self.tenant], pair.a.engine.heads[Self.tenant])
      #expect(its?.tenantSeq == others?.tenantSeq)
      try await pair.b.engine.refuseMoved(Self.tenant, under: Self.epoch)
      let late = await refusal { try await stream(from: pair.a, to: pair.b) }
      #expect(late == .notFound)
      await pair.close()
    }
  }

  @Test func `nothing but what follows is taken`() async throws {
    try await withTemporaryDirectory { directory in
      let pair = try await Pair(directory)
      try await pair.a.pay(1)
      try await importFiles(from: pair.a, to: pair.b)
      for id in 2...4 { try await pair.a.pay(Int64(id)) }
      let at = try #require(pair.b.engine.heads[Self.tenant]).tenantSeq
      let records = try pair.a.engine.takeMoved(Self.tenant, after: at, bytes: 1 << 20)
      #expect(records.count == 3)
      let gap = await refusal {
        _ = try await pair.b.engine.appendImported(
          Self.tenant, under: Self.epoch, Array(records.dropFirst()))
      }
      #expect(gap == .conflict)
      let wrongEpoch = await refusal {
        _ = try await pair.b.engine.appendImported(Self.tenant, under: Epoch(3), records)
      }
      #expect(wrongEpoch == .notFound)
      _ = try await pair.b.engine.appendImported(Self.tenant, under: Self.epoch, records)
      let twice = await refusal {
        _ = try await pair.b.engine.appendImported(Self.tenant, under: Self.epoch, records)
      }
      #expect(twice == .conflict)
      // Ready for another record, or with other files, it is not.
      var fence = try await pair.a.engine.fence(Self.tenant, within: 60_000_000_000)
      fence.hash = .zero
      let otherRecord = await refusal {
        try await pair.b.engine.readyForMove(Self.tenant, under: Self.epoch, fence)
      }
      #expect(otherRecord == .conflict)
      fence.hash = try #require(pair.a.engine.heads[Self.tenant]).hash
      let right = fence.digests
      for name in right.keys { fence.digests[name] = Digest(1) }
      let otherFiles = await refusal {
        try await pair.b.engine.readyForMove(Self.tenant, under: Self.epoch, fence)
      }
      #expect(otherFiles == .verificationFailed)
      fence.digests = right
      try await pair.b.engine.readyForMove(Self.tenant, under: Self.epoch, fence)
      let wrongRelease = await refusal {
        _ = try await pair.b.engine.adoptMoved(
          Self.tenant,
          MoveRelease(
            epoch: Self.epoch, cellSeq: CellSeq(9), tenantSeq: fence.tenantSeq.next, hash: .zero,
            time: .zero))
      }
      #expect(wrongRelease == .conflict)
      pair.a.engine.unfence(Self.tenant)
      try await pair.a.pay(5)
      await pair.close()
    }
  }

  @Test func `past its cap a release does not begin`() async throws {
    try await withTemporaryDirectory { directory in
      let pair = try await Pair(directory)
      try await pair.a.pay(1)
      let fence = try await makeReady(from: pair.a, to: pair.b)
      let late = await refusal {
        _ = try await pair.a.engine.releaseMove(
          Self.tenant, to: Pair.second, under: Self.epoch, ready: fence.hash
        ) { false }
      }
      #expect(late == .deadlineExceeded)
      try await pair.a.engine.burnMove(Self.tenant, under: Self.epoch)
      try await pair.a.pay(2)
      try await expectServed(pair.a, [2, 2], epoch: .first)
      await pair.close()
    }
  }

  @Test func `a file that a read has made meanwhile holds nothing, and is no difference`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let pair = try await Pair(directory)
      try await importFiles(from: pair.a, to: pair.b)
      // There was none when the files were copied.
      #expect(try await pair.a.counts() == [0, 0])
      let fence = try await pair.a.engine.fence(Self.tenant, within: 60_000_000_000)
      #expect(fence.digests.count == 2)
      try await stream(from: pair.a, to: pair.b)
      try await pair.b.engine.readyForMove(Self.tenant, under: Self.epoch, fence)
      await pair.close()
    }
  }

  @Test func `damaged copies are not imported`() async throws {
    try await withTemporaryDirectory { directory in
      let pair = try await Pair(directory)
      for id in 1...50 { try await pair.a.pay(Int64(id)) }
      try await pair.a.engine.beginMove(Self.tenant, to: Pair.second, under: Self.epoch)
      try pair.b.engine.prepareImport(Self.tenant, under: Self.epoch)
      let place = pair.b.engine.importDirectory(Self.tenant, under: Self.epoch)
      let snapshot = try await pair.a.engine.snapshot(Self.tenant, into: place)
      let files = LiveFileSystem()
      let first = try #require(snapshot.files.first)
      let file = try files.open("\(place)/\(first.name)", .update)
      let at = try file.length() - 100
      try file.write([UInt8](repeating: 0xA5, count: 60), at: at)
      file.close()
      let code = await refusal {
        try await pair.b.engine.beginImport(
          MoveImport(
            tenant: Self.tenant, lineage: snapshot.head.lineage, epoch: Self.epoch,
            source: Pair.first, tenantSeq: snapshot.head.tenantSeq, hash: snapshot.head.hash,
            time: snapshot.head.time, schemaVersion: snapshot.head.schemaVersion, nextDue: nil))
      }
      #expect(code == .verificationFailed)
      #expect(pair.b.engine.heads[Self.tenant] == nil)
      await pair.close()
    }
  }
}
