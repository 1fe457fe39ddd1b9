import Archive
import Platform
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Cell
@testable import Replication

/// Followers of a cell that came back from an archive whose last objects were lost: its journal
/// goes on with the next group, at a later position.
@Suite("Followers of a cell that goes on behind lost positions") struct ResumedCellTests {
  private static let tenant = TenantID(trusted: "t2")
  /// Positions that no object holds.
  private static let lost: UInt64 = 200

  /// Has `replica` follow until it ends where `engine` does, and closes it.
  private func follow(
    _ replica: String, _ engine: StorageEngine, _ link: FollowerLink, _ bench: Bench,
    archive: Archive? = nil
  ) async throws {
    let journal = try #require(engine.journal)
    let feeding = Task { await link.run(journal) { false } }
    var follower = try await bench.follower(replica, archive: archive)
    var running = Task { [follower] in try await follower.run() }
    try await until { follower.mustRestart || follower.engine.journal?.end == journal.end }
    if follower.mustRestart {
      try await running.value
      follower = try await bench.follower(replica, archive: archive)
      running = Task { [follower] in try await follower.run() }
      try await until { follower.engine.journal?.end == journal.end }
    }
    // Its table of heads says how far it is.
    follower.engine.flush()
    feeding.cancel()
    _ = await feeding.value
    running.cancel()
    try? await running.value
    let verification = try JournalVerification.run(
      directory: "\(bench.directory)/\(replica)/journal", files: LiveFileSystem())
    #expect(verification.damage.isEmpty && verification.headsProblem == nil)
    #expect(verification.tail == "clean")
  }

  private func pay(_ ids: ClosedRange<Int64>, _ engine: StorageEngine) async throws {
    for id in ids {
      try await engine.write(Self.tenant, Bench.origin) { try TestSchema.pay($0, id) }
    }
  }

  /// The cell anew behind the lost positions, in the directory `q`.
  private func resume(
    behind end: JournalEnd, _ archive: Archive, _ bench: Bench
  ) async throws -> JournalEnd {
    let now = Timestamp(milliseconds: 1)
    try await archive.claim(
      Claim(
        cell: Bench.cell, generation: Generation(2), firstSeq: end.seq.next,
        previousHash: "\(end.hash)", claimedAt: now,
        resumesAt: CellSeq(end.seq.rawValue + Self.lost + 1)))
    let began = try await CellTakeover(archive, cell: Bench.cell).claim(Generation(2), at: now)
    #expect(began.group == end.group && began.seq.rawValue == end.seq.rawValue + Self.lost)
    try LiveFileSystem().createDirectory("\(bench.directory)/q")
    try JournalSeed.write(
      dataDirectory: "\(bench.directory)/q", cell: Bench.cell, generation: Generation(2),
      after: began, files: LiveFileSystem())
    return began
  }

  @Test func `from nothing, from the last object, and from what was lost`() async throws {
    let path = "/tmp/aimstors-resumed-tests-\(String(LiveRandomSource().uint64(), radix: 16))"
    try LiveFileSystem().createDirectory(path)
    defer { try? FileTree.remove(path, LiveFileSystem()) }
    let bench = Bench(path)
    let archive = try bench.archive()
    let (old, oldMessenger) = try await bench.primary("p")
    try await bench.archived(old, archive, "p") {
      for id in 1...30 { try await old.pay(Int64(id)) }
    }
    let archived = try #require(old.journal).end
    try await follow("e", old, bench.link("e", from: oldMessenger), bench)
    // These are in no object, and only one follower has them.
    for id in 31...35 { try await old.pay(Int64(id)) }
    try await follow("d", old, bench.link("d", from: oldMessenger), bench)
    await old.close()
    await oldMessenger.close()

    let began = try await resume(behind: archived, archive, bench)
    let (new, messenger) = try await bench.primary("q", Generation(2), createsTenant: false)
    let second = bench.service(new, archive, "q", Generation(2))
    let uploadingAgain = Task { await second.run() }
    try await new.create(Self.tenant, epoch: .first)
    try await pay(1...3, new)
    #expect(await second.waitUntilArchived(seconds: 120))
    var begins: [JournalEnd] = []
    try await ArchivedGroups(archive, cell: Bench.cell).begins { begin in
      begins.append(begin)
      return true
    }
    #expect(begins == [began])
    // Twice: each opens the journal that it has made, and goes on.
    for round in Int64(1)...2 {
      for replica in ["f", "e", "d"] {
        let link = bench.link(replica, from: messenger, began: began, archive: archive)
        try await follow(replica, new, link, bench, archive: archive)
      }
      try await pay((round * 10)...(round * 10 + 2), new)
    }
    uploadingAgain.cancel()
    await uploadingAgain.value
    await new.close()
    await messenger.close()
  }

  @Test func `where no object is left an empty one follows, and what another had is cut`()
    async throws
  {
    let path = "/tmp/aimstors-resumed-tests-\(String(LiveRandomSource().uint64(), radix: 16))"
    try LiveFileSystem().createDirectory(path)
    defer { try? FileTree.remove(path, LiveFileSystem()) }
    let bench = Bench(path)
    let archive = try bench.archive()
    let (old, oldMessenger) = try await bench.primary("p")
    for id in 1...5 { try await old.pay(Int64(id)) }
    try await follow("d", old, bench.link("d", from: oldMessenger), bench)
    await old.close()
    await oldMessenger.close()

    let began = try await resume(behind: .start, archive, bench)
    let (new, messenger) = try await bench.primary("q", Generation(2), createsTenant: false)
    try await new.create(Self.tenant, epoch: .first)
    for round in Int64(1)...2 {
      for replica in ["f", "d"] {
        let link = bench.link(replica, from: messenger, began: began, archive: archive)
        try await follow(replica, new, link, bench, archive: archive)
      }
      try await pay((round * 10)...(round * 10 + 2), new)
    }
    await new.close()
    await messenger.close()
  }
}
