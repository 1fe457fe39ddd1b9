import Archive
import Edge
import Foundation
import Logging
import Platform
import Simulation
import Storage
import Testing
import Wire

@testable import Cell

@Suite("A lost cell's own store with records missing") struct LackingStoreTests {
  private let one = TenantID(trusted: "tone")
  private let copy = TenantID(trusted: "tcopy")
  private let clock = SimulatedWallClock()
  private let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  private func inDirectory(_ body: (String) async throws -> Void) async throws {
    var template = Array("/tmp/aimstors-lacking-XXXXXX".utf8CString)
    let directory = try #require(mkdtemp(&template).map { String(cString: $0) })
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try await body(directory)
  }

  /// Objects of the lost cell's archived journal.
  private func objects(_ directory: String) throws -> Set<String> {
    let root = "\(directory)/archive/journal/lost"
    let found = try FileManager.default.subpathsOfDirectory(atPath: root)
    return Set(found.map { "\(root)/\($0)" })
  }

  /// A cell with a tenant and a copy, whose mark as one is in no object any more.
  private func lost(_ directory: String) async throws {
    let cell = try await ArchivedCell("lost", in: directory, clock)
    for tenant in [copy, one] { try await cell.create(tenant) }
    #expect(await cell.service.waitUntilArchived(seconds: 60))
    let before = try objects(directory)
    try await cell.directives.mark(copy, .fork(since: .zero))
    #expect(await cell.service.waitUntilArchived(seconds: 60))
    let gone = try objects(directory).subtracting(before)
    #expect(!gone.isEmpty)
    try await cell.rename(one, "last")
    #expect(await cell.service.waitUntilArchived(seconds: 60))
    await cell.close()
    for path in gone { try FileManager.default.removeItem(atPath: path) }
  }

  private func order() throws -> CellSpread.Order {
    var work = Aimstors_ProtoCellWork()
    work.cell = "lost"
    work.at = "lost@spread"
    let reasons = [(one, "unpaid"), (copy, ForkReason.text(of: one, at: "latest", by: "op_1"))]
    work.tenants = reasons.map { tenant, reason in
      var profile = Aimstors_ProtoTenantProfile()
      profile.tenant = tenant.rawValue
      profile.epoch = 2
      profile.state = TenantState.readOnly.rawValue
      profile.reason = reason
      return profile
    }
    return try CellSpread.Order(work)
  }

  @Test func `it is named, and a copy stays one by what the directory says of it`() async throws {
    try await inDirectory { directory in
      try await lost(directory)
      let cell = try await ArchivedCell("new", in: directory, clock)
      let result = try await cell.spread.run(try order(), CellWork.Progress())
      #expect(Set(result.restored) == [one.rawValue, copy.rawValue], "\(result)")
      #expect(try await cell.name(of: one) == "last")
      let lacking = Set((result.incomplete ?? []).map(\.tenantID))
      #expect(lacking == [TenantID.cellStore.rawValue, copy.rawValue])
      guard case .fork = cell.directives.mark(of: copy) else {
        Issue.record("a copy would send after the release")
        return
      }
      guard case .suspended = cell.directives.mark(of: one) else {
        Issue.record("it would send")
        return
      }
      await cell.close()
    }
  }

  @Test func `whoever asks for the parts in its spool hears that others may have been there`()
    async throws
  {
    try await inDirectory { directory in
      try await lost(directory)
      let cell = try await ArchivedCell("new", in: directory, clock)
      let restoration = TenantRestoration(
        service: cell.service, engine: cell.engine, directives: cell.directives,
        files: LiveFileSystem(), random: SeededRandomSource(seed: 3), clock: clock,
        dataDirectory: "\(directory)/new", sealer: Sealer(key: [UInt8](repeating: 7, count: 32)),
        forget: { _ in }, wake: { _ in })
      let lostCells = LostCellWork(
        own: cell.id, service: cell.service, restoration: restoration, turns: CellTurns(),
        logger: log)
      var work = Aimstors_ProtoCellWork()
      work.kind = "cell_spool"
      work.cell = "lost"
      let drain = try #require(try lostCells.body(work))
      let text = try await drain(CellWork.Progress())
      let drained = try EdgeJSON.decode(LostCellWork.Drained.self, from: Array(text.utf8))
      #expect(drained.parts == 0 && drained.missing?.isEmpty == false)
      await cell.close()
    }
  }
}
