import Simulation
import StorageFixtures
import Testing
import Wire

@testable import Storage

@Suite("Kill -9 under load") struct CrashTests {
  @Test func `over 20 kills every acknowledged command is there, once, and digests match`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let random = SeededRandomSource(seed: 20)
      var acknowledged: [TenantID: Set<Int64>] = [:]
      for cycle in 1...20 {
        let child = try ChildProcess("StorageCrashChild", [directory, "\(cycle)"])
        let lines = await child.killAfter(lines: 120 + Int(random.uint64() % 300))
        #expect(lines.count >= 100)
        for line in lines {
          let words = line.split(separator: " ")
          guard words.count == 2, let id = Int64(words[1]) else {
            Issue.record("an unreadable line: \(line)")
            continue
          }
          acknowledged[TenantID(trusted: String(words[0])), default: []].insert(id)
        }
        try await verify(directory, acknowledged)
      }
    }
  }

  private func verify(_ directory: String, _ acknowledged: [TenantID: Set<Int64>]) async throws {
    let test = try await TestEngine(directory)
    #expect(test.report.stopped.isEmpty)
    #expect(test.report.damage.isEmpty)
    for (tenant, ids) in acknowledged {
      let (entries, messages, balance) = try await test.engine.read(tenant, [.ledger, .messages]) {
        snapshot in
        let ledger = snapshot.file(.ledger)
        return (
          Set(try ledger.rows("SELECT id FROM entries") { $0.int64(0) }),
          Set(try snapshot.file(.messages).rows("SELECT id FROM messages") { $0.int64(0) }),
          try ledger.first("SELECT balance FROM accounts") { $0.int(0) } ?? 0
        )
      }
      #expect(ids.isSubset(of: entries))
      #expect(entries == messages)
      // Each entry took one away, and nothing else did: no command ran twice.
      #expect(balance == 1_000_000 - entries.count)
      _ = try await test.engine.digest(tenant, recompute: true)
    }
    await test.close()
  }
}
