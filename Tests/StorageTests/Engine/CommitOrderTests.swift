import Platform
import Simulation
import StorageFixtures
import Testing
import Wire

@testable import Storage

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite("Commit order") struct CommitOrderTests {
  private let tenant = TestEngine.tenant

  private func withFailingDisk(
    _ body: (String, SimulatedDisk, TestEngine) async throws -> Void
  ) async throws {
    try await withTemporaryDirectory { directory in
      let disk = SimulatedDisk()
      let test = try await TestEngine.onDisk(disk, directory)
      try await test.engine.create(tenant, epoch: .first)
      try await test.pay(1)
      try await body(directory, disk, test)
    }
  }

  @Test func `an append that fails is cut, unknown to its caller, and the next goes on`()
    async throws
  {
    try await withFailingDisk { directory, disk, test in
      disk.inject(SimulatedDisk.Fault(.write, call: 1, .error(EIO)))
      #expect(
        await refusal { () async throws(Failure) in try await test.pay(2) } == .outcomeUnknown)
      #expect(try await test.counts() == [1, 1])
      #expect(test.engine.heads[tenant]?.tenantSeq == TenantSeq(2))
      try await test.pay(2)
      #expect(try await test.counts() == [2, 2])
      #expect(test.engine.metrics.outcomeUnknown == 1)
      let digest = try await test.engine.digest(tenant, recompute: true)
      await test.close()
      let again = try await TestEngine.onDisk(disk, directory)
      #expect(try await again.engine.digest(tenant, recompute: true) == digest)
      await again.close()
    }
  }

  @Test func `after a failed fsync nothing is answered, and a restart finds one truth`()
    async throws
  {
    try await withFailingDisk { directory, disk, test in
      disk.inject(SimulatedDisk.Fault(.sync, call: 1, .error(EIO)))
      let answers = Events<Bool>()
      let caller = Task {
        try? await test.pay(2)
        answers.add(true)
      }
      await test.fatal.wait(for: 1)
      #expect(answers.all.isEmpty)
      // The process would end here; whoever closes what is left of it does not wait for ever.
      await test.close()
      disk.kill()
      let again = try await TestEngine.onDisk(disk, directory)
      let counts = try await again.counts()
      #expect(counts == [1, 1] || counts == [2, 2])
      _ = try await again.engine.digest(tenant, recompute: true)
      #expect(answers.all.isEmpty)
      await again.close()
      caller.cancel()
    }
  }

  @Test func `an fsync that fails while the engine closes ends the closing`() async throws {
    try await withFailingDisk { directory, disk, test in
      let gate = Gate()
      let caller = Task {
        try? await test.write { transaction in
          gate.pass()
          try TestSchema.pay(transaction, 2)
        }
      }
      await gate.entered.wait(for: 1)
      let writer = try test.engine.writer(tenant)
      async let closing: Void = test.close()
      // Its last command waits behind the one that is held.
      while writer.depth == 0 { await Task.yield() }
      disk.inject(SimulatedDisk.Fault(.sync, call: 1, .error(EIO)))
      gate.open()
      await closing
      #expect(test.fatal.all.count == 1)
      disk.kill()
      caller.cancel()
    }
  }

  @Test(arguments: [FileKind.ledger, .messages])
  func `a COMMIT that fails after durability is replayed, then answered as stored`(
    file: FileKind
  ) async throws {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory)
      try await test.engine.create(tenant, epoch: .first)
      try await test.pay(1)
      test.engine.faults.failNextCommit(of: tenant, at: file)
      let answer = try await test.write { transaction in
        try TestSchema.pay(transaction, 2)
        // Long enough that the record's payload is compressed.
        try transaction.file(.messages).run(
          "UPDATE messages SET body = ? WHERE id = 2",
          .text(String(repeating: "hello", count: 100)))
        return "stored"
      }
      #expect(answer == "stored")
      #expect(test.engine.metrics.commitFailures == 1)
      #expect(try await test.counts() == [2, 2])
      try await test.pay(3)
      #expect(try await test.counts() == [3, 3])
      _ = try await test.engine.digest(tenant, recompute: true)
      #expect(test.engine.problems.isEmpty)
      await test.close()
    }
  }

  @Test func `in one batch refused, failed and uncapturable commands leave the others alone`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory)
      try await test.engine.create(tenant, epoch: .first)
      try await test.pay(1)
      let effects = Events<Int>()
      let codes = try await test.inOneBatch([
        { transaction in
          try TestSchema.pay(transaction, 2)
          transaction.afterCommit { effects.add(2) }
        },
        { transaction in
          try TestSchema.pay(transaction, 3)
          transaction.afterCommit { effects.add(3) }
          throw Failure(.insufficientFunds, "refused after its changes")
        },
        { transaction in
          // A statement of several rows that fails on the last, and is caught.
          _ = try? transaction.file(.messages).run(
            "INSERT INTO messages (id, body) VALUES (8, 'a'), (9, 'b'), (1, 'c')")
          try TestSchema.pay(transaction, 4)
        },
        { try $0.file(.messages).run("INSERT INTO stray (id) VALUES (1)") },
        { try $0.file(.messages).run("SAVEPOINT mine") },
        { try TestSchema.pay($0, 5) },
      ])
      #expect(
        codes == [nil, .insufficientFunds, .internalError, .internalError, .internalError, nil])
      let ids = try await test.engine.read(tenant, [.messages]) {
        try $0.file(.messages).rows("SELECT id FROM messages ORDER BY id") { $0.int(0) }
      }
      #expect(ids == [1, 2, 5])
      #expect(try await test.counts() == [3, 3])
      #expect(effects.all == [2])
      // Create, the first payment, the batch.
      #expect(test.engine.heads[tenant]?.tenantSeq == TenantSeq(3))
      let digest = try await test.engine.digest(tenant, recompute: true)
      await test.close()
      removeTree("\(directory)/tenants")
      let again = try await TestEngine(directory)
      #expect(try await again.engine.digest(tenant, recompute: true) == digest)
      await again.close()
    }
  }

  @Test func `a statement that ends the whole transaction makes its batch unknown, no more`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory)
      try await test.engine.create(tenant, epoch: .first)
      try await test.pay(1)
      let codes = try await test.inOneBatch([
        { try TestSchema.pay($0, 2) },
        { transaction in
          _ = try? transaction.file(.messages).run(
            "INSERT OR ROLLBACK INTO messages (id, body) VALUES (1, 'x')")
        },
        { try TestSchema.pay($0, 3) },
      ])
      #expect(codes == [.outcomeUnknown, .outcomeUnknown, .outcomeUnknown])
      #expect(try await test.counts() == [1, 1])
      try await test.pay(4)
      #expect(try await test.counts() == [2, 2])
      _ = try await test.engine.digest(tenant, recompute: true)
      await test.close()
    }
  }

  @Test func `a command larger than a record is refused, one that does not fit waits its turn`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory) { $0.commandBytes = 100_000 }
      try await test.engine.create(tenant, epoch: .first)
      @Sendable func insert(_ transaction: Transaction, _ id: Int64, _ bytes: Int) throws {
        try transaction.file(.messages).run(
          "INSERT INTO messages (id, body, raw) VALUES (?, '', zeroblob(?))", .integer(id),
          .int(bytes))
      }
      let codes = try await test.inOneBatch([
        { try insert($0, 1, 60_000) }, { try insert($0, 2, 60_000) },
        { try insert($0, 3, 100_001) }, { try insert($0, 4, 1) },
      ])
      #expect(codes == [nil, nil, .bodyTooLarge, nil])
      #expect(test.engine.heads[tenant]?.tenantSeq == TenantSeq(3))
      _ = try await test.engine.digest(tenant, recompute: true)
      await test.close()
    }
  }
}

extension TestEngine {
  static func onDisk(_ disk: SimulatedDisk, _ directory: String) async throws -> TestEngine {
    try await TestEngine(directory, files: MixedFileSystem(simulated: disk.fileSystem())) {
      $0.adjustJournal = {
        $0.groupBytes = 256 * 1_024
        $0.segmentBytes = 1_024 * 1_024
        $0.reserveBytes = 0
        $0.preparesAhead = false
      }
    }
  }

  /// Runs commands in one batch, in their order; answers the code of each refusal.
  func inOneBatch(
    _ bodies: [@Sendable (Transaction) throws -> Void]
  ) async throws -> [FailureCode?] {
    let gate = Gate()
    async let holding: Void = write { _ in gate.pass() }
    await gate.entered.wait(for: 1)
    let results = Results(count: bodies.count)
    let writer = try engine.writer(TestEngine.tenant)
    for (index, body) in bodies.enumerated() {
      let before = writer.depth
      Task {
        results.set(
          index, await refusal { () async throws(Failure) in try await self.write { try body($0) } }
        )
      }
      while writer.depth == before { await Task.yield() }
    }
    gate.open()
    try await holding
    await results.done.wait(for: bodies.count)
    return results.all
  }
}

/// The answers of commands that run beside each other.
final class Results: Sendable {
  private let codes: Events<(Int, FailureCode?)> = Events()
  private let count: Int
  let done = Events<Void>()

  init(count: Int) { self.count = count }

  func set(_ index: Int, _ code: FailureCode?) {
    codes.add((index, code))
    done.add(())
  }

  var all: [FailureCode?] { codes.all.sorted { $0.0 < $1.0 }.map(\.1) }
}
