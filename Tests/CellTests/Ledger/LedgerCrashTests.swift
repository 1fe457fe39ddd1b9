import Foundation
import Platform
import Simulation
import Storage
import Testing
import Wire

@testable import Cell

/// Invariant 11 on the storage engine: wherever a crash comes, the ledger reopens whole.
@Suite("Ledger crashes") struct LedgerCrashTests {
  private static let tenant = TenantID(trusted: "t1")
  private static let origin = CommandOrigin(requestID: "r", traceID: "t")

  /// The crash image: files as they were at one moment, the journal as it was at a later one, cut
  /// at a random sector between the two.
  @Test(arguments: 1...6)
  func `a crash anywhere in the journal reopens into a prefix of the history`(seed: Int)
    async throws
  {
    let root = FileManager.default.temporaryDirectory
      .appendingPathComponent("aimstors-ledger-\(UUID().uuidString)").path
    let image = root + "-image"
    defer {
      try? FileManager.default.removeItem(atPath: root)
      try? FileManager.default.removeItem(atPath: image)
    }
    let clock = SimulatedWallClock()
    let dice = Dice(seed: UInt64(seed) &* 7919)
    let engine = try await Self.open(root, clock)
    try await engine.create(Self.tenant, epoch: .first)
    try await engine.write(Self.tenant, Self.origin) { tx in
      _ = try Ledger(tx).topUp(Micros(50_000), currency: Books.eur, reference: "first")
    }
    var history = LedgerHistory(seed: UInt64(seed))
    // The balances after each number of transfers.
    var known: [Int: [Int64: Int64]] = [:]
    func run(_ steps: Int) async throws {
      for _ in 0..<steps {
        clock.advance(milliseconds: history.pauseMilliseconds())
        let step = history.next()
        do throws(Failure) {
          let hold = try await engine.write(Self.tenant, Self.origin) { try step.apply($0) }
          if let hold { history.made(hold) }
        } catch {
          #expect(LedgerHistory.refusals.contains(error.code), "\(step): \(error)")
        }
        let (transfers, balances) = try await Self.state(engine)
        known[transfers] = balances
      }
    }
    try await run(30 + dice.below(60))
    let atCopy = try await Self.audit(engine).transfers
    try FileManager.default.createDirectory(atPath: image, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: root + "/tenants", toPath: image + "/tenants")
    let before = try Self.usedBytes(root)
    try await run(30 + dice.below(60))
    try FileManager.default.copyItem(atPath: root + "/journal", toPath: image + "/journal")
    let after = try Self.usedBytes(root)
    #expect(after.bytes > before.bytes)
    // A disk writes a sector whole or not at all.
    let sectors = (before.bytes + 511) / 512...(after.bytes + 511) / 512
    let cut = 512 * (sectors.lowerBound + dice.below(sectors.count))
    try Self.clear(image + "/journal/" + after.name, from: cut)
    await engine.close()

    let reopened = try await Self.open(image, clock)
    let audit = try await Self.audit(reopened)
    #expect(audit.violations == [])
    #expect(audit.transfers >= atCopy)
    #expect(audit.balances == known[audit.transfers])
    // It goes on from there.
    try await reopened.write(Self.tenant, Self.origin) { tx in
      _ = try Ledger(tx).topUp(Micros(1), currency: Books.eur, reference: "after the crash")
    }
    #expect(try await Self.audit(reopened).violations == [])
    await reopened.close()
  }

  @Test func `a COMMIT that fails after the record is durable loses no money`() async throws {
    let root = FileManager.default.temporaryDirectory
      .appendingPathComponent("aimstors-ledger-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: root) }
    let engine = try await Self.open(root, SimulatedWallClock())
    try await engine.create(Self.tenant, epoch: .first)
    for payment in 1...20 {
      if payment % 3 == 0 { engine.faults.failNextCommit(of: Self.tenant, at: .ledger) }
      try await engine.write(Self.tenant, Self.origin) { tx in
        _ = try Ledger(tx).topUp(Micros(10), currency: Books.eur, reference: "p\(payment)")
      }
    }
    let audit = try await Self.audit(engine)
    #expect(audit.violations == [])
    #expect(audit.balances[1] == 200)
    await engine.close()
  }

  @Test func `callers at once do not spend more than there is`() async throws {
    let root = FileManager.default.temporaryDirectory
      .appendingPathComponent("aimstors-ledger-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: root) }
    let engine = try await Self.open(root, SimulatedWallClock())
    try await engine.create(Self.tenant, epoch: .first)
    try await engine.write(Self.tenant, Self.origin) { tx in
      _ = try Ledger(tx).topUp(Micros(1_000), currency: Books.eur, reference: "first")
    }
    let granted = await withTaskGroup(of: Bool.self) { group in
      for caller in 0..<64 {
        group.addTask {
          do throws(Failure) {
            try await engine.write(Self.tenant, Self.origin) { tx in
              _ = try Ledger(tx).hold(
                Micros(70), for: .message(RowID(Int64(caller))), until: tx.now.adding(seconds: 60))
            }
            return true
          } catch {
            #expect(error.code == .insufficientFunds)
            return false
          }
        }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(granted == 14)
    let audit = try await Self.audit(engine)
    #expect(audit.violations == [])
    #expect(audit.balances[1] == 20)
    await engine.close()
  }

  private static func open(
    _ directory: String, _ clock: SimulatedWallClock
  ) async throws -> StorageEngine {
    var configuration = EngineConfiguration(directory: directory, cell: CellID(trusted: "c1"))
    configuration.flushInterval = .seconds(3_600)
    configuration.adjustJournal = {
      $0.segmentBytes = 32 * 1_024 * 1_024
      $0.reserveBytes = 0
    }
    let engine = StorageEngine(
      configuration, clock: clock, random: SeededRandomSource(seed: 3), files: LiveFileSystem(),
      schema: { _ in CellSchema.schema }, fatal: { Issue.record("journal died: \($0)") })
    _ = try await engine.start()
    return engine
  }

  private static func audit(_ engine: StorageEngine) async throws -> LedgerAudit {
    try await engine.read(tenant, [.ledger]) { try LedgerAudit($0.file(.ledger)) }
  }

  private static func state(
    _ engine: StorageEngine
  ) async throws -> (transfers: Int, balances: [Int64: Int64]) {
    try await engine.read(tenant, [.ledger]) { snapshot in
      let db = snapshot.file(.ledger)
      var balances: [Int64: Int64] = [:]
      try db.query("SELECT account, amount FROM balances") { balances[$0.int64(0)] = $0.int64(1) }
      return (try db.first("SELECT count(*) FROM transfers") { $0.int(0) } ?? 0, balances)
    }
  }

  /// The journal's newest segment and where its last byte that is not zero stands.
  private static func usedBytes(_ root: String) throws -> (name: String, bytes: Int) {
    let directory = root + "/journal"
    let names = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    var best: (name: String, bytes: Int) = ("", 0)
    for name in names {
      guard let data = FileManager.default.contents(atPath: directory + "/" + name),
        let last = data.lastIndex(where: { $0 != 0 }), last + 1 > best.bytes
      else { continue }
      best = (name, last + 1)
    }
    return best
  }

  private static func clear(_ path: String, from offset: Int) throws {
    var data = try #require(FileManager.default.contents(atPath: path))
    data.replaceSubrange(offset..., with: Data(count: data.count - offset))
    try data.write(to: URL(fileURLWithPath: path))
  }
}
