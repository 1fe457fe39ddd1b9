import Glibc
import Platform
import Synchronization
import Testing
import Wire

@testable import Storage

@Suite("A follower's copy") struct FollowingTests {
  private func follower(
    _ directory: String, generation: Generation = .first
  ) async throws -> TestEngine {
    try await TestEngine(directory) { configuration in
      configuration.isFollowing = true
      configuration.generation = generation
      configuration.oldestGeneration = .first
    }
  }

  /// Copies everything that the primary has and the follower lacks; answers the groups.
  @discardableResult
  private func copy(_ primary: TestEngine, to follower: TestEngine) async throws -> Int {
    let count = try await follower.follow(primary)
    #expect(follower.engine.journal?.end == primary.engine.journal?.end)
    return count
  }

  private func digests(_ test: TestEngine) async throws -> [String: Digest] {
    try await test.engine.digest(TestEngine.tenant, recompute: true).files
  }

  private func expectEqual(_ one: TestEngine, _ other: TestEngine) async throws {
    let (its, others) = (try await digests(one), try await digests(other))
    #expect(its == others)
    #expect(its.count == 2)
  }

  private func primary(_ directory: String) async throws -> TestEngine {
    let test = try await TestEngine("\(directory)/p")
    try await test.engine.create(TestEngine.tenant, epoch: .first)
    return test
  }

  @Test func `it is the same byte for byte, and its files are the same`() async throws {
    try await withTemporaryDirectory { directory in
      let primary = try await primary(directory)
      let follower = try await follower("\(directory)/f")
      for id in 1...20 {
        try await primary.pay(Int64(id))
        if id % 7 == 0 { try await copy(primary, to: follower) }
      }
      try await copy(primary, to: follower)
      try await expectEqual(follower, primary)
      let value3 = try await follower.counts()
      #expect(value3 == [20, 20])
      let code1 = await refusal { try await follower.pay(21) }
      #expect(code1 == .recovering)
      let heads = follower.engine.heads
      await follower.close()
      // After a restart too, and it goes on.
      let again = try await self.follower("\(directory)/f")
      #expect(again.engine.heads == heads)
      try await primary.pay(21)
      try await copy(primary, to: again)
      try await expectEqual(again, primary)
      await again.close()
      await primary.close()
    }
  }

  @Test func `a file that is only being made is read by nobody`() async throws {
    try await withTemporaryDirectory { directory in
      let primary = try await primary(directory)
      let follower = try await follower("\(directory)/f")
      try await copy(primary, to: follower)
      let writer = try follower.engine.writer(TestEngine.tenant)
      let place = writer.context.directory(TestEngine.tenant)
      let files = LiveFileSystem()
      try files.createDirectory(place)
      let isMade = Atomic(false)
      let isAsked = Atomic(false)
      async let making = Blocking.run("making") {
        try writer.withCore { _ in
          let paths = writer.schema.files.values.map { "\(place)/\($0.name)" }
          for path in paths { try files.open(path, .create).close() }
          isMade.store(true, ordering: .sequentiallyConsistent)
          while !isAsked.load(ordering: .sequentiallyConsistent) { usleep(1_000) }
          for path in paths { try files.remove(path) }
        }
      }
      while !isMade.load(ordering: .sequentiallyConsistent) { await Task.yield() }
      #expect(await refusal { _ = try await follower.counts() } == .recovering)
      isAsked.store(true, ordering: .sequentiallyConsistent)
      try await making.get()
      // The primary would make empty ones to be read.
      #expect(await refusal { _ = try await follower.counts() } == .invalidState)
      try await primary.pay(1)
      try await copy(primary, to: follower)
      #expect(try await follower.counts() == [1, 1])
      await follower.close()
      await primary.close()
    }
  }

  @Test func `a group that does not follow is refused`() async throws {
    try await withTemporaryDirectory { directory in
      let primary = try await primary(directory)
      let follower = try await follower("\(directory)/f")
      for id in 1...3 { try await primary.pay(Int64(id)) }
      let journal = try #require(primary.engine.journal)
      var tail = journal.tail(.afterGroup(0), .onThisDisk)
      let first = try #require(try tail.available())
      let second = try #require(try tail.available())
      tail.close()
      for wrong in [[second], [first, first]] {
        let code2 = await refusal { for group in wrong { try await follower.engine.follow(group) } }
        #expect(code2 == .conflict)
      }
      try await copy(primary, to: follower)
      await follower.close()
      await primary.close()
    }
  }

  @Test func `a later generation may pass positions over, the same one may not`() async throws {
    try await withTemporaryDirectory { directory in
      let primary = try await primary(directory)
      let follower = try await self.follower("\(directory)/f", generation: Generation(2))
      for id in 1...3 { try await primary.pay(Int64(id)) }
      try await copy(primary, to: follower)
      let end = try #require(primary.engine.journal).end
      await primary.close()
      func resumed(_ generation: Generation) async throws -> TestEngine {
        let place = "\(directory)/q\(generation.rawValue)"
        try LiveFileSystem().createDirectory(place)
        try JournalSeed.write(
          dataDirectory: place, cell: CellID(trusted: "c1"), generation: generation,
          after: JournalEnd(
            group: end.group, seq: CellSeq(end.seq.rawValue + 200), hash: end.hash),
          files: LiveFileSystem())
        let test = try await TestEngine(place) { $0.generation = generation }
        try await test.engine.create(TenantID(trusted: "t2"), epoch: .first)
        return test
      }

      let same = try await resumed(.first)
      var tail = try #require(same.engine.journal).tail(.afterGroup(end.group), .onThisDisk)
      let group = try #require(try tail.available())
      tail.close()
      #expect(group.number == end.group + 1 && group.previousHash == end.hash)
      let code = await refusal { try await follower.engine.follow(group) }
      #expect(code == .conflict && follower.engine.journal?.end == end)
      await same.close()

      let later = try await resumed(Generation(2))
      try await copy(later, to: follower)
      follower.engine.flush()
      await follower.close()
      let again = try await self.follower("\(directory)/f", generation: Generation(2))
      #expect(again.report.damage.isEmpty && again.report.cutBytes == 0)
      try await later.pay(1, TenantID(trusted: "t2"))
      try await copy(later, to: again)
      await again.close()
      await later.close()
    }
  }

  @Test func `of when its files are is told, after a start as well`() async throws {
    try await withTemporaryDirectory { directory in
      let primary = try await primary(directory)
      let follower = try await self.follower("\(directory)/f")
      for id in 1...3 {
        primary.clock.advance(milliseconds: 1_000)
        try await primary.pay(Int64(id))
      }
      try await copy(primary, to: follower)
      let last = try #require(primary.engine.heads[TestEngine.tenant]).time
      #expect(follower.engine.applied?.time == last)
      #expect(follower.engine.oldestUnapplied == nil)
      await follower.close()
      let again = try await self.follower("\(directory)/f")
      #expect(again.engine.applied?.time == last)

      var tail = try #require(primary.engine.journal).tail(.afterGroup(0), .onThisDisk)
      let records = try #require(try tail.available()).records()
      tail.close()
      let first = try #require(records.first).identity.time
      let copied = CopiedRecords()
      #expect(copied.state.oldest == nil)
      copied.add(records)
      #expect(copied.state.oldest == first)
      // Taken to be applied, it is in no file yet.
      #expect(copied.next()?.count == records.count)
      #expect(copied.state.waiting.isEmpty && copied.state.oldest == first)
      copied.applied(records[records.count - 1].position.cellSeq, last)
      #expect(copied.state.oldest == nil)
      await again.close()
      await primary.close()
    }
  }

  @Test func `promoted, it goes on under the next generation, and others can follow that`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let primary = try await primary(directory)
      let follower = try await follower("\(directory)/f")
      let third = try await self.follower("\(directory)/g")
      for id in 1...5 { try await primary.pay(Int64(id)) }
      try await copy(primary, to: follower)
      try await copy(primary, to: third)
      await primary.close()
      await follower.close()
      let promoted = try await TestEngine("\(directory)/f") { configuration in
        configuration.generation = Generation(2)
        configuration.oldestGeneration = .first
      }
      #expect(promoted.report.damage.isEmpty)
      let value4 = try await promoted.counts()
      #expect(value4 == [5, 5])
      for id in 6...9 { try await promoted.pay(Int64(id)) }
      try await copy(promoted, to: third)
      try await expectEqual(third, promoted)
      await promoted.close()
      // Both open again; the old generation does not open what it has not written.
      let again = try await TestEngine("\(directory)/f") { configuration in
        configuration.generation = Generation(2)
        configuration.oldestGeneration = .first
      }
      let value5 = try await again.counts()
      #expect(value5 == [9, 9])
      await again.close()
      await third.close()
      await #expect(throws: JournalError.self) { _ = try await TestEngine("\(directory)/f") }
      let last = try await self.follower("\(directory)/g", generation: Generation(2))
      let value6 = try await last.counts()
      #expect(value6 == [9, 9])
      await last.close()
    }
  }

  @Test func `groups longer than the follower's segment make it longer`() async throws {
    try await withTemporaryDirectory { directory in
      let primary = try await primary(directory)
      let follower = try await TestEngine("\(directory)/f") { configuration in
        configuration.isFollowing = true
        configuration.adjustJournal = {
          $0.segmentBytes = 4_096
          $0.groupBytes = 2_048
          $0.reserveBytes = 0
          $0.preparesAhead = false
        }
      }
      for id in 1...60 { try await primary.pay(Int64(id)) }
      try await copy(primary, to: follower)
      try await expectEqual(follower, primary)
      await follower.close()
      let again = try await self.follower("\(directory)/f")
      #expect(again.report.damage.isEmpty)
      let value7 = try await again.counts()
      #expect(value7 == [60, 60])
      await again.close()
      await primary.close()
    }
  }

  @Test func `the state of a replica is kept, and damage in it is not guessed away`() async throws {
    try await withTemporaryDirectory { directory in
      let file = ReplicaFile(directory: directory, files: LiveFileSystem())
      let loaded7 = try file.load()
      #expect(loaded7 == nil)
      var state = ReplicaState(role: .primary, generation: Generation(3))
      state.asked = ["b", "a"]
      state.began = JournalEnd(group: 7, seq: CellSeq(9), hash: SHA256Hash.of([1]))
      try file.store(state)
      let loaded9 = try file.load()
      #expect(loaded9 == state)
      let raw = try LiveFileSystem().open("\(directory)/replica", .update)
      try raw.write([0xFF], at: 10)
      raw.close()
      #expect(throws: JournalError.self) { _ = try file.load() }
    }
  }
}
