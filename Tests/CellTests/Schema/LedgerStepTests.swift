import Foundation
import Platform
import Simulation
import Storage
import Testing
import Wire

@testable import Cell

/// The first step that came above level 1, on a ledger that was there before it.
@Suite("The ledger's second step") struct LedgerStepTests {
  private static let tenant = TenantID(trusted: "t1")

  private func engine(_ directory: String, _ ceiling: FormatCeiling) async throws -> StorageEngine {
    var configuration = EngineConfiguration(directory: directory, cell: CellID(trusted: "c1"))
    configuration.ceiling = ceiling
    let engine = StorageEngine(
      configuration, clock: SimulatedWallClock(), random: SeededRandomSource(seed: 3),
      files: LiveFileSystem(), schema: { CellNode.schema(of: $0) },
      fatal: { Issue.record("journal died: \($0)") })
    _ = try await engine.start()
    return engine
  }

  private func pay(_ reference: String, _ engine: StorageEngine) async throws {
    try await engine.write(Self.tenant, CommandOrigin(requestID: reference, traceID: "")) {
      _ = try Ledger($0).topUp(Micros(5), currency: Books.eur, reference: reference)
    }
  }

  /// The view's length, and the sources that it shows.
  private func view(_ engine: StorageEngine) async throws -> (bytes: Int, sources: [String]) {
    try await engine.read(Self.tenant, [.ledger]) { snapshot in
      let file = snapshot.file(.ledger)
      let bytes = try file.first(
        "SELECT length(sql) FROM sqlite_schema WHERE name = 'ledger_entries'"
      ) { $0.int(0) }
      let sources = try file.rows("SELECT source_id FROM ledger_entries ORDER BY id") {
        $0.text(0)
      }
      return (bytes ?? 0, sources)
    }
  }

  @Test func `it comes with the first command above the ceiling, and a replay has it too`()
    async throws
  {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("aimstors-step-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let (place, copy) = (directory + "/c1", directory + "/copy")
    try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    let ceiling = FormatCeiling(FormatLevel.oldest)
    let first = try await engine(place, ceiling)
    try await first.create(Self.tenant, epoch: .first)
    try await pay("payment-1", first)
    let before = try await view(first)
    #expect(before.bytes > 20_000 && before.sources.count == 2)
    ceiling.raise(to: FormatLevel.newest)
    try await pay("payment-2", first)
    let after = try await view(first)
    #expect(after.bytes < 4_000 && after.sources.starts(with: before.sources))
    #expect(after.sources.count == 4)
    let digest = try await first.digest(Self.tenant, recompute: true)
    await first.close()
    // The journal alone, at a process that has not heard of the level.
    try FileManager.default.copyItem(atPath: place + "/journal", toPath: copy + "/journal")
    let second = try await engine(copy, FormatCeiling(FormatLevel.oldest))
    #expect(try await view(second) == after)
    let replayed = try await second.digest(Self.tenant, recompute: true)
    #expect(replayed.files["ledger.sqlite"] == digest.files["ledger.sqlite"])
    try await pay("payment-3", second)
    #expect(try await view(second).sources.count == 6)
    await second.close()
  }
}
