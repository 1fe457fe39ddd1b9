import Archive
import Messaging
import Platform
import Replication
import Storage
import Testing
import Wire

@testable import Cell

/// A record of nothing but what a group begins with is 3.5 MiB as it is stored, and goes wherever
/// a small one goes.
@Suite("The largest groups", .timeLimit(.minutes(5))) struct LargeRecordTests {
  /// Bytes that one message of groups fills.
  private let bound = ReplicationLimits.messageBytes

  /// A group just under a message's bound, and behind it the largest there is; twice.
  private func fill(_ engine: StorageEngine) async throws {
    for id in [Int64(1), 3] {
      try await engine.write(Bench.tenant, Bench.origin) { transaction in
        _ = try transaction.file(.messages).run(
          "INSERT INTO messages (id, body, raw) VALUES (?, '', randomblob(1040000))",
          .integer(id))
      }
      try await engine.write(Bench.tenant, Bench.origin) { transaction in
        _ = try transaction.file(.messages).run(
          """
          INSERT INTO messages (id, body)
          VALUES (?, replace(hex(zeroblob(250000)), '0', 'AJG1'))
          """,
          .integer(id + 1))
      }
    }
    let journal = try #require(engine.journal)
    var tail = journal.tail(.afterGroup(0), .onThisDisk)
    defer { tail.close() }
    var sizes: [Int] = []
    while let group = try tail.available() { sizes.append(group.bytes.count) }
    let large = sizes.filter { $0 > bound / 2 }
    try #require(large.count == 4, "\(sizes)")
    for first in [0, 2] {
      #expect(large[first] < bound)
      #expect(large[first] + large[first + 1] > MessagingLimits.payloadBytes)
    }
  }

  @Test func `the largest group fits into a message, with a fence and names beside it`() {
    #expect(JournalLimits.writtenGroupBytes + (400 << 10) < MessagingLimits.payloadBytes)
    #expect(bound + (400 << 10) < MessagingLimits.payloadBytes)
    #expect(FollowerLimits.fetchBytes == bound)
  }

  @Test func `a follower gets it from the journal, and gives it back`() async throws {
    try await withBench { bench in
      let (primary, messenger) = try await bench.primary("p", segmentBytes: 16 << 20)
      try await fill(primary)
      let follower = try await bench.follower("f")
      let journal = try #require(primary.journal)
      let link = bench.link("f", from: messenger)
      let feeding = Task { await link.run(journal) { true } }
      try await until { link.current.end?.seq == journal.lastSeq }
      #expect(link.current.bytesBehind == 0)
      feeding.cancel()
      _ = await feeding.value

      // As a primary asks that has lost its disk.
      var fetched: UInt64 = 0
      while fetched < journal.end.group {
        let groups = try await link.fetch(after: fetched)
        #expect(groups.first?.number == fetched + 1)
        fetched = try #require(groups.last).throughNumber
      }
      _ = follower
      await primary.close()
    }
  }

  @Test func `a follower gets it from the archive`() async throws {
    try await withBench { bench in
      let archive = try bench.archive()
      let (old, _) = try await bench.primary("p", segmentBytes: 16 << 20)
      try await fill(old)
      try await bench.archived(old, archive, "p") {}
      await old.close()
      // The disk is lost: the next generation's journal begins behind what is archived.
      let end = try await CellTakeover(archive, cell: Bench.cell)
        .claim(Generation(2), at: Timestamp(milliseconds: 1))
      try LiveFileSystem().createDirectory("\(bench.directory)/q")
      try JournalSeed.write(
        dataDirectory: "\(bench.directory)/q", cell: Bench.cell, generation: Generation(2),
        after: end, files: LiveFileSystem())
      let (new, messenger) = try await bench.primary("q", Generation(2), createsTenant: false)
      let follower = try await bench.follower("f", archive: archive)
      let journal = try #require(new.journal)
      let link = bench.link("f", from: messenger, archive: archive)
      let feeding = Task { await link.run(journal) { false } }
      try await until { link.current.end?.seq == end.seq }
      feeding.cancel()
      _ = await feeding.value
      _ = follower
      await new.close()
    }
  }
}
