import Foundation
import Platform
import Simulation
import Storage
import Testing
import Wire

/// An engine with one tenant in a directory of its own, for what only its records show.
func withRealEngine(
  _ schema: StoreSchema, tenant: TenantID, clock: any WallClock = SimulatedWallClock(),
  _ body: (StorageEngine) async throws -> Void
) async throws {
  var template = Array("/tmp/aimstors-engine-XXXXXX".utf8CString)
  let directory = try #require(mkdtemp(&template).map { String(cString: $0) })
  defer { try? FileManager.default.removeItem(atPath: directory) }
  var configuration = EngineConfiguration(directory: directory, cell: CellID(trusted: "c1"))
  configuration.adjustJournal = {
    $0.segmentBytes = 32 * 1_024 * 1_024
    $0.reserveBytes = 0
  }
  let engine = StorageEngine(
    configuration, clock: clock, random: SeededRandomSource(seed: 3), files: LiveFileSystem(),
    schema: { _ in schema }, fatal: { Issue.record("journal died: \($0)") })
  _ = try await engine.start()
  try await engine.create(tenant, epoch: .first)
  try await body(engine)
  await engine.close()
}
