import Messaging
import Platform
import Replication
import Storage
import Testing
import Wire

@testable import Cell

@Suite("A primary and its follower") struct StreamTests {
  @Test func `what is acknowledged is at the follower, and applied there`() async throws {
    try await withBench { bench in
      let (primary, messenger) = try await bench.primary("p")
      let follower = try await bench.follower("f")
      let journal = try #require(primary.journal)
      journal.gate.require(["f"])
      let link = bench.link("f", from: messenger)
      let feeding = Task { await link.run(journal) { true } }
      for id in 1...20 { try await primary.pay(Int64(id)) }
      #expect(journal.gate.acknowledged(by: "f") == journal.lastSeq)
      let expected = try await primary.digests()
      try await until { (try? await bench.digests("f")) == expected }
      feeding.cancel()
      _ = await feeding.value
      _ = follower
      await primary.close()
    }
  }

  @Test func `a follower that stands still is late, also when nothing was written since`()
    async throws
  {
    try await withBench { bench in
      let (primary, messenger) = try await bench.primary("p")
      let follower = try await bench.follower("f")
      let journal = try #require(primary.journal)
      journal.gate.require(["f"])
      let link = bench.link("f", from: messenger)
      // Nothing is streamed yet: it lacks what is there.
      #expect(await !link.isPrompt(journal, within: .milliseconds(100)))
      let feeding = Task { await link.run(journal) { true } }
      try await primary.pay(1)
      #expect(await link.isPrompt(journal, within: .seconds(60)))
      bench.network.partition(Bench.cell.rawValue, "f")
      #expect(await !link.isPrompt(journal, within: .milliseconds(100)))
      feeding.cancel()
      _ = await feeding.value
      _ = follower
      await primary.close()
    }
  }

  @Test func `once promoted it takes nothing from the old generation`() async throws {
    try await withBench { bench in
      let (primary, messenger) = try await bench.primary("p")
      let follower = try await bench.follower("f")
      let running = Task { try await follower.run() }
      let journal = try #require(primary.journal)
      let link = bench.link("f", from: messenger)
      journal.gate.require(["f"])
      let feeding = Task { await link.run(journal) { true } }
      try await primary.pay(1)
      // Only the control plane may, and only upwards.
      let low = await refused { try await bench.promote("f", to: 1) }
      #expect(low == .generationFenced)
      try? await bench.promote("f", to: 2)
      try await running.value
      #expect(follower.promotedTo == Generation(2))
      feeding.cancel()
      _ = await feeding.value
      // It runs as the cell now; as it starts, it remembers.
      let kept = try ReplicaFile(
        directory: "\(bench.directory)/f", files: LiveFileSystem()
      ).load()
      #expect(kept?.role == .primary)
      #expect(kept?.generation == Generation(2))
      #expect(kept?.began.seq == journal.gate.acknowledged(by: "f"))
      await primary.close()
    }
  }

  @Test func `a primary that meets a higher generation at its follower stops`() async throws {
    try await withBench { bench in
      let (primary, messenger) = try await bench.primary("p")
      let follower = try await bench.follower("f")
      _ = follower
      let journal = try #require(primary.journal)
      // Another primary, of generation 2, said hello.
      let (other, newer) = try await bench.primary("q", Generation(2))
      let state = await bench.link("f", from: newer).hello()
      #expect(state?.generation == 2)
      let stop = await bench.link("f", from: messenger).run(journal) { true }
      #expect(stop == .fenced(Generation(2)))
      await primary.close()
      await other.close()
    }
  }

  @Test func `an old primary rejoins: what it wrote after the takeover is cut and kept`()
    async throws
  {
    try await withBench { bench in
      let (old, messenger) = try await bench.primary("p")
      let follower = try await bench.follower("f")
      let running = Task { try await follower.run() }
      let journal = try #require(old.journal)
      let link = bench.link("f", from: messenger)
      journal.gate.require(["f"])
      let feeding = Task { await link.run(journal) { true } }
      for id in 1...5 { try await old.pay(Int64(id)) }
      feeding.cancel()
      _ = await feeding.value
      try? await bench.promote("f", to: 2)
      try await running.value
      // The old one makes more durable, which nobody acknowledges; a restart applies it.
      let unheard = Task { try await old.pay(6) }
      while journal.gate.waiting.all == 0 { await Task.yield() }
      journal.gate.fence()
      let answer = await refused { try await unheard.value }
      #expect(answer == .outcomeUnknown)
      await old.close()
      await messenger.close()

      let (new, newer) = try await bench.primary("f", Generation(2))
      for id in 7...9 { try await new.pay(Int64(id)) }
      let state = try #require(
        try ReplicaFile(directory: "\(bench.directory)/f", files: LiveFileSystem()).load())
      let rejoined = ReplicaState(role: .follower, generation: Generation(2))
      try ReplicaFile(directory: "\(bench.directory)/p", files: LiveFileSystem()).store(rejoined)
      let first = try await bench.follower("p")
      let firstRun = Task { try await first.run() }
      let back = bench.link("p", from: newer, began: state.began)
      let newJournal = try #require(new.journal)
      let feedingBack = Task { await back.run(newJournal) { false } }
      // It ends, to be started with its journal cut.
      try await firstRun.value
      #expect(first.mustRestart)
      let second = try await bench.follower("p")
      let expected = try await new.digests()
      try await until { (try? await bench.digests("p")) == expected }
      #expect(!second.mustRestart)
      let names = try LiveFileSystem().list("\(bench.directory)/p/journal")
      let side = names.filter { $0.hasPrefix("divergent-") }
      #expect(side.count == 1)
      feedingBack.cancel()
      _ = await feedingBack.value
      await new.close()
    }
  }

  @Test func `only its primary has a follower answer reading requests`() async throws {
    try await withBench { bench in
      let (primary, messenger) = try await bench.primary("p")
      let echo: RequestHandler = { (request) async throws(Failure) -> [UInt8] in request.payload }
      let follower = try await bench.follower("f", reads: { _ in echo })
      let address = bench.address("f")
      let answer = try await messenger.peer(at: address).request(
        .http, [1, 2], timeout: .seconds(300), traceID: "")
      #expect(answer == [1, 2])
      let control = await refused {
        _ = try await bench.control.peer(at: address).request(
          .http, [1, 2], timeout: .seconds(300), traceID: "")
      }
      // Before its promotion is done, a router takes it for the cell: it has to ask again.
      #expect(control == .recovering)
      // One that was replaced reads no more.
      let (other, newer) = try await bench.primary("q", Generation(2))
      _ = await bench.link("f", from: newer).hello()
      let late = await refused {
        _ = try await messenger.peer(at: address).request(
          .http, [1, 2], timeout: .seconds(300), traceID: "")
      }
      #expect(late == .generationFenced)
      _ = follower
      await primary.close()
      await other.close()
    }
  }

  private func refused(_ body: () async throws -> Void) async -> FailureCode? {
    do {
      try await body()
      return nil
    } catch MessagingError.refused(let failure) {
      return failure.code
    } catch {
      return (error as? Failure)?.code
    }
  }
}
