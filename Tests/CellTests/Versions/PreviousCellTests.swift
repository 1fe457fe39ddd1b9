import Foundation
import Platform
import Simulation
import Storage
import Testing
import Wire

@testable import Cell

/// Journals of cells as earlier versions wrote them, with the schema and the commands that they
/// had, are replayed by this one.
@Suite("Cells of earlier versions") struct PreviousCellTests {
  private static let versions = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("VersionFixtures")
  private static let journal = "cell-journal"
  private static let facts = "cell-journal.txt"
  private static let shop = Shop.tenant
  /// Its history is of money only: every kind of transfer.
  private static let books = TenantID(trusted: "t2")
  private static let price: Int64 = 1_000

  private static func engine(
    _ directory: String, _ clock: SimulatedWallClock = SimulatedWallClock()
  ) async throws -> StorageEngine {
    var configuration = EngineConfiguration(directory: directory, cell: CellID(trusted: "c1"))
    configuration.adjustJournal = {
      $0.groupBytes = 64 * 1_024
      $0.segmentBytes = 64 * 1_024
      $0.reserveBytes = 0
    }
    let engine = StorageEngine(
      configuration, clock: clock, random: SeededRandomSource(seed: 3), files: LiveFileSystem(),
      schema: { _ in CellSchema.schema }, fatal: { Issue.record("journal died: \($0)") })
    let report = try await engine.start()
    #expect(report.damage.isEmpty && report.stopped.isEmpty)
    return engine
  }

  private static func sell(_ engine: StorageEngine) async throws {
    let sealer = Sealer(key: [UInt8](repeating: 7, count: 32))
    try await engine.write(shop, Shop.origin) { tx in
      _ = try Ledger(tx).topUp(Micros(100 * price), currency: Books.eur, reference: "first")
      let rates = [
        Rate(market: .any, category: .service, validFrom: .zero, amount: Micros(price))
      ]
      _ = try Prices(tx).replace(rates, currency: Books.eur)
      let number = try Shop.connect(Shop.number, tx, sealer).text(.number)
      for to in ["+16505551234", "+16505551235"] {
        let json =
          #"{"number_id":"\#(number)","to":"\#(to)","type":"text","text":{"body":"hi"}}"#
        _ = try MessageCommands(tx).send(OutboundMessage(Array(json.utf8)))
      }
    }
  }

  /// What a version leaves behind: every file of a shop, and books of all kinds of transfers.
  private static func write(_ directory: String) async throws {
    let clock = SimulatedWallClock()
    let engine = try await engine(directory, clock)
    for tenant in [shop, books] { try await engine.create(tenant, epoch: .first) }
    try await sell(engine)
    var history = LedgerHistory(seed: 11)
    for _ in 0..<120 {
      clock.advance(milliseconds: history.pauseMilliseconds())
      let step = history.next()
      do throws(Failure) {
        let hold = try await engine.write(books, Shop.origin) { try step.apply($0) }
        if let hold { history.made(hold) }
      } catch {
        #expect(LedgerHistory.refusals.contains(error.code), "\(step): \(error)")
      }
    }
    await engine.close()
  }

  /// Each tenant's last record and digests, and what its books say.
  private static func describe(_ engine: StorageEngine) async throws -> [String] {
    var lines: [String] = []
    for tenant in [shop, books] {
      let digest = try await engine.digest(tenant, recompute: true)
      let head = try #require(engine.heads[tenant])
      // A file that holds no record yet is made by no replay.
      let files = digest.files.filter { $0.value != .zero }.map { "\($0.key)=\($0.value)" }
        .sorted().joined(separator: " ")
      let audit = try await engine.read(tenant, [.ledger]) {
        try LedgerAudit($0.file(.ledger))
      }
      #expect(audit.violations == [])
      let balances = audit.balances.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }
      lines.append(
        "\(tenant) \(head.tenantSeq.rawValue) \(head.hash) transfers=\(audit.transfers) "
          + "\(balances.joined(separator: ",")) \(files)")
    }
    return lines
  }

  private static func withDirectory(_ body: (String) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("aimstors-versions-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try await body(directory)
  }

  /// Into empty files; then its tenants go on.
  private static func replay(_ journal: String, expecting facts: [String]) async throws {
    try await withDirectory { directory in
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: journal, toPath: directory + "/journal")
      let engine = try await engine(directory)
      #expect(try await describe(engine) == facts)
      try await engine.write(books, Shop.origin) {
        _ = try Ledger($0).topUp(Micros(1), currency: Books.eur, reference: "after")
      }
      await engine.close()
    }
  }

  /// Only segments: the table of heads is made again, a lock is nobody's.
  private static func keep(_ directory: String, in target: String) throws {
    try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
    for name in try FileManager.default.contentsOfDirectory(atPath: directory + "/journal")
    where name.hasSuffix(".journal") {
      try FileManager.default.copyItem(
        atPath: "\(directory)/journal/\(name)", toPath: "\(target)/\(name)")
    }
  }

  @Test func `each version's is replayed into what it was, and goes on`() async throws {
    for stored in try FileManager.default.contentsOfDirectory(
      at: Self.versions, includingPropertiesForKeys: nil)
    {
      let journal = stored.appendingPathComponent(Self.journal)
      // The first version kept no journal of a cell's own schema.
      guard FileManager.default.fileExists(atPath: journal.path) else { continue }
      let facts = try String(
        contentsOf: stored.appendingPathComponent(Self.facts), encoding: .utf8
      ).split(separator: "\n").map(String.init)
      try await Self.replay(journal.path, expecting: facts)
    }
  }

  /// As the next version will; where this fails, nothing stored would be worth anything.
  @Test func `so is this version's own`() async throws {
    try await Self.withDirectory { directory in
      try await Self.write(directory + "/cell")
      let engine = try await Self.engine(directory + "/cell")
      let facts = try await Self.describe(engine)
      await engine.close()
      #expect(facts.allSatisfy { $0.contains("ledger.sqlite=") })
      #expect(facts.first?.contains("messages.sqlite=") == true)
      try Self.keep(directory + "/cell", in: directory + "/kept")
      try await Self.replay(directory + "/kept", expecting: facts)
    }
  }

  @Test(
    .enabled(if: ProcessInfo.processInfo.environment["AIMSTORS_WRITE_FIXTURES"] != nil))
  func `writes what this version writes`() async throws {
    let target = ProcessInfo.processInfo.environment["AIMSTORS_WRITE_FIXTURES"] ?? ""
    try await Self.withDirectory { directory in
      try await Self.write(directory)
      try Self.keep(directory, in: target + "/" + Self.journal)
      let engine = try await Self.engine(directory)
      try (try await Self.describe(engine) + [""]).joined(separator: "\n").write(
        toFile: target + "/" + Self.facts, atomically: true, encoding: .utf8)
      await engine.close()
    }
  }
}
