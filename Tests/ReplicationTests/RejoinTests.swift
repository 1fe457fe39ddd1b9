import Archive
import Foundation
import Messaging
import Platform
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Cell
@testable import Replication

/// Replicas that come back with groups that nobody else has.
@Suite("A replica that comes back") struct RejoinTests {
  private func file(of replica: String, _ bench: Bench) -> ReplicaFile {
    ReplicaFile(directory: "\(bench.directory)/\(replica)", files: LiveFileSystem())
  }

  /// A primary, and where its generation began.
  private struct Primary {
    let engine: StorageEngine
    let messenger: InMemoryMessenger
    var began = JournalEnd.start

    func pay(_ ids: ClosedRange<Int64>) async throws {
      for id in ids { try await engine.pay(id) }
    }

    func close() async {
      await engine.close()
      await messenger.close()
    }
  }

  private func first(_ bench: Bench) async throws -> Primary {
    let (engine, messenger) = try await bench.primary("p")
    return Primary(engine: engine, messenger: messenger)
  }

  /// Another replica, once it has all that `primary` has, in its place.
  private func successor(
    _ replica: String, of primary: Primary, as generation: UInt64, _ bench: Bench
  ) async throws -> Primary {
    let follower = try await bench.follower(replica)
    let running = Task { try await follower.run() }
    let journal = try #require(primary.engine.journal)
    let link = bench.link(replica, from: primary.messenger, began: primary.began)
    let feeding = Task { await link.run(journal) { false } }
    try await until { link.current.end == journal.end }
    feeding.cancel()
    _ = await feeding.value
    // It closes with the answer under way.
    try? await bench.promote(replica, to: generation)
    try await running.value
    return try await reopened(replica, bench)
  }

  /// A primary on what its directory holds.
  private func reopened(_ replica: String, _ bench: Bench) async throws -> Primary {
    let state = try #require(try file(of: replica, bench).load())
    let (engine, messenger) = try await bench.primary(replica, state.generation)
    return Primary(engine: engine, messenger: messenger, began: state.began)
  }

  /// Has the replica `p`, which nobody has open, follow `primary` until it has the same files.
  private func rejoin(_ primary: Primary, _ bench: Bench, archive: Archive? = nil) async throws {
    try file(of: "p", bench).store(
      ReplicaState(role: .follower, generation: primary.messenger.identity.generation))
    let before = try await bench.follower("p", archive: archive)
    let beforeRun = Task { try await before.run() }
    let journal = try #require(primary.engine.journal)
    let link = bench.link("p", from: primary.messenger, began: primary.began, archive: archive)
    let feeding = Task { await link.run(journal) { false } }
    // It ends, to be started with its journal cut.
    try await beforeRun.value
    #expect(before.mustRestart)
    let after = try await bench.follower("p", archive: archive)
    let afterRun = Task { try await after.run() }
    let expected = try await primary.engine.digests()
    try await until { (try? await bench.digests("p")) == expected }
    #expect(!after.mustRestart)
    // Fed, it keeps no more of its journal than others do.
    #expect(after.engine.journal?.pins[FollowerNode.unfedPin] == nil)
    let names = try LiveFileSystem().list("\(bench.directory)/p/journal")
    #expect(names.count { $0.hasPrefix("divergent-") } == 1)
    feeding.cancel()
    _ = await feeding.value
    afterRun.cancel()
    try? await afterRun.value
  }

  @Test(arguments: [Int64(1), 40])
  func `who was away during two promotions is cut where the first was made`(
    divergent: Int64
  ) async throws {
    try await withBench { bench in
      let first = try await first(bench)
      try await first.pay(1...5)
      let second = try await successor("f", of: first, as: 2, bench)
      // It goes on alone: less than its successors write, or more.
      try await first.pay(101...(100 + divergent))
      await first.close()
      try await second.pay(11...13)
      let third = try await successor("g", of: second, as: 3, bench)
      await second.close()
      try await third.pay(21...23)
      try await rejoin(third, bench)
      await third.close()
    }
  }

  @Test func `what the primary has trimmed, the archive tells apart`() async throws {
    try await withBench { bench in
      let archive = try bench.archive()
      let first = try await first(bench)
      try await bench.archived(first.engine, archive, "p") { try await first.pay(1...5) }
      let second = try await successor("f", of: first, as: 2, bench)
      try await first.pay(101...103)
      let end = try #require(first.engine.journal).end
      await first.close()
      try await bench.archived(second.engine, archive, "f", Generation(2)) {
        try await second.pay(11...40)
      }
      let third = try await successor("g", of: second, as: 3, bench)
      await second.close()
      try await bench.archived(third.engine, archive, "g", Generation(3)) {
        try await third.pay(51...53)
      }
      third.engine.flush()
      #expect(try third.engine.journal?.end(ofGroup: end.group) == nil, "nothing is trimmed")
      try await rejoin(third, bench, archive: archive)
      await third.close()
    }
  }

  @Test func `a difference within one generation is cut by nobody, and both say so`() async throws {
    try await withBench { bench in
      let first = try await first(bench)
      try await first.pay(1...5)
      let second = try await successor("f", of: first, as: 2, bench)
      await first.close()
      try await second.pay(11...12)
      await second.close()
      let (place, copy) = ("\(bench.directory)/f", "\(bench.directory)/copy")
      try FileManager.default.copyItem(atPath: place, toPath: copy)
      let third = try await reopened("f", bench)
      try await third.pay(13...15)
      let follower = try await bench.follower("g")
      let running = Task { try await follower.run() }
      let fed = try #require(third.engine.journal)
      let link = bench.link("g", from: third.messenger, began: third.began)
      let feeding = Task { await link.run(fed) { true } }
      try await until { link.current.end == fed.end }
      feeding.cancel()
      _ = await feeding.value
      await third.close()

      // The primary's disk is set back, and it serves on without the follower.
      try FileManager.default.removeItem(atPath: place)
      try FileManager.default.moveItem(atPath: copy, toPath: place)
      let fourth = try await reopened("f", bench)
      try await fourth.pay(21...22)
      let end = follower.engine.journal?.end
      let journal = try #require(fourth.engine.journal)
      let again = bench.link("g", from: fourth.messenger, began: fourth.began)
      let comparing = Task { await again.run(journal) { true } }
      func says() -> Bool { follower.health().problems.contains { $0.code == "replicas_differ" } }
      try await until { follower.mustRestart || says() }
      #expect(!follower.mustRestart)
      if follower.mustRestart { comparing.cancel() }
      #expect(await comparing.value == .diverged("g"))
      #expect(follower.engine.journal?.end == end)
      // What it held for others it holds no longer for this.
      #expect(follower.engine.journal?.pins[FollowerNode.unfedPin] == nil)
      running.cancel()
      try? await running.value
      #expect(try file(of: "g", bench).load()?.cut == nil)
      await fourth.close()
    }
  }

  @Test func `a follower that does not cut keeps what it held, and no more`() async throws {
    try await withBench { bench in
      let first = try await first(bench)
      try await first.pay(1...5)
      let end = try #require(first.engine.journal).end
      await first.close()
      try file(of: "p", bench).store(ReplicaState(role: .follower, generation: Generation(2)))
      let follower = try await bench.follower("p")
      let journal = try #require(follower.engine.journal)
      let held = journal.pins[FollowerNode.unfedPin]
      #expect(held?.mayHold == JournalPin.followerBytes)
      // Another one in its place.
      let other = JournalEnd(group: 2, seq: CellSeq(2), hash: end.hash)
      func code(_ end: JournalEnd) -> FailureCode? {
        do throws(Failure) {
          try follower.plan(cutAfter: end, for: Generation(2))
          return nil
        } catch {
          return error.code
        }
      }
      #expect(code(other) == .conflict)
      // One that is not here says nothing about what both have.
      let trimmed = JournalEnd(group: 900, seq: CellSeq(900), hash: end.hash)
      #expect(code(trimmed) == .restorePointMissing)
      #expect(journal.pins[FollowerNode.unfedPin] == held && !follower.mustRestart)
      let known = try #require(try journal.end(ofGroup: 2))
      // Its position at who asks is none of this journal's.
      let later = JournalEnd(group: 2, seq: CellSeq(900), hash: known.hash)
      try follower.plan(cutAfter: later, for: Generation(2))
      let pin = try #require(journal.pins[FollowerNode.unfedPin])
      #expect(pin.through == known.seq && pin.mayHold == JournalPin.followerBytes)
      #expect(follower.mustRestart)
      await follower.engine.close()
    }
  }

  @Test func `whoever is fed by an idle primary differs from it no more`() async throws {
    try await withBench { bench in
      let first = try await first(bench)
      try await first.pay(1...3)
      let end = try #require(first.engine.journal).end
      let follower = try await bench.follower("g")
      let running = Task { try await follower.run() }
      let journal = try #require(first.engine.journal)
      func feed() async throws {
        let link = bench.link("g", from: first.messenger, began: first.began)
        let feeding = Task { await link.run(journal) { false } }
        try await until { link.current.isStreaming && link.current.end == end }
        feeding.cancel()
        _ = await feeding.value
      }
      try await feed()
      func says() -> Bool { follower.health().problems.contains { $0.code == "replicas_differ" } }
      let known = try #require(try journal.end(ofGroup: 2))
      #expect(throws: Failure.self) { try follower.plan(cutAfter: known, for: .first) }
      #expect(says())
      try await feed()
      try await until { !says() }
      running.cancel()
      try? await running.value
      await first.close()
    }
  }

  @Test func `a cut behind a group that is not there keeps nobody from starting`() async throws {
    try await withBench { bench in
      var state = ReplicaState(role: .follower, generation: .first)
      state.cut = JournalEnd(group: 9, seq: CellSeq(9), hash: .zero)
      try LiveFileSystem().createDirectory("\(bench.directory)/f")
      try file(of: "f", bench).store(state)
      let follower = try await bench.follower("f")
      #expect(!follower.mustRestart)
      #expect(try file(of: "f", bench).load()?.cut == nil)
      await follower.engine.close()
    }
  }

  @Test func `until it is fed a follower keeps its journal: it may be told to cut it`()
    async throws
  {
    try await withBench { bench in
      // Each generation begins with a segment of its own.
      for generation in UInt64(1)...3 {
        let (engine, messenger) = try await bench.primary("p", Generation(generation))
        try await engine.pay(Int64(generation))
        await engine.close()
        await messenger.close()
      }
      try file(of: "p", bench).store(ReplicaState(role: .follower, generation: Generation(3)))
      let follower = try await bench.follower("p")
      let journal = try #require(follower.engine.journal)
      let before = journal.segmentStarts
      #expect(before.count > 1)
      follower.engine.flush()
      #expect(journal.segmentStarts == before)
      await follower.engine.close()
    }
  }
}
