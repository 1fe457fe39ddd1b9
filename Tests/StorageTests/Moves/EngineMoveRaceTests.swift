import Platform
import Testing
import Wire

@testable import Storage

/// Steps of a move that come twice, late, or beside each other.
extension EngineMoveTests {
  @Test func `told many times at once, it is adopted once`() async throws {
    try await withTemporaryDirectory { directory in
      let pair = try await Pair(directory)
      try await pair.a.pay(1)
      let fence = try await makeReady(from: pair.a, to: pair.b)
      let release = try await pair.a.engine.releaseMove(
        Self.tenant, to: Pair.second, under: Self.epoch, ready: fence.hash
      ) { true }
      let codes = await withTaskGroup(of: FailureCode?.self) { group in
        for _ in 0..<16 {
          group.addTask {
            await refusal { _ = try await pair.b.engine.adoptMoved(Self.tenant, release) }
          }
        }
        return await group.reduce(into: [FailureCode?]()) { $0.append($1) }
      }
      #expect(codes.contains(nil))
      #expect(codes.allSatisfy { $0 == nil || $0 == .recovering })
      try await pair.b.pay(2)
      #expect(pair.b.engine.heads[Self.tenant]?.tenantSeq == release.tenantSeq.next.next)
      await pair.close()
      let found = try JournalVerification.run(
        directory: "\(directory)/b/journal", files: LiveFileSystem())
      #expect(found.ok, "\(found.chainBreaks)")
    }
  }

  @Test func `a slow import does not undo a faster one`() async throws {
    try await withTemporaryDirectory { directory in
      let pair = try await Pair(directory)
      try await pair.a.pay(1)
      // Copied and never concluded: its epoch is burned meanwhile.
      try await pair.a.engine.beginMove(Self.tenant, to: Pair.second, under: Self.epoch)
      try pair.b.engine.prepareImport(Self.tenant, under: Self.epoch)
      let snapshot = try await pair.a.engine.snapshot(
        Self.tenant, into: pair.b.engine.importDirectory(Self.tenant, under: Self.epoch))
      try await pair.a.engine.burnMove(Self.tenant, under: Self.epoch)
      let fence = try await makeReady(from: pair.a, to: pair.b, under: Epoch(3))
      let head = snapshot.head
      let late = await refusal {
        try await pair.b.engine.beginImport(
          MoveImport(
            tenant: Self.tenant, lineage: head.lineage, epoch: Self.epoch, source: Pair.first,
            tenantSeq: head.tenantSeq, hash: head.hash, time: head.time,
            schemaVersion: head.schemaVersion, nextDue: nil))
      }
      #expect(late == .conflict)
      let release = try await pair.a.engine.releaseMove(
        Self.tenant, to: Pair.second, under: Epoch(3), ready: fence.hash
      ) { true }
      _ = try await pair.b.engine.adoptMoved(Self.tenant, release)
      try await expectServed(pair.b, [1, 1], epoch: Epoch(3))
      await pair.close()
    }
  }
}
