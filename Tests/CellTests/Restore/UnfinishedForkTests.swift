import Archive
import Foundation
import Logging
import Platform
import Simulation
import Storage
import Testing
import Trust
import Wire

@testable import Cell

@Suite("A fork whose cell is killed") struct UnfinishedForkTests {
  private let one = TenantID(trusted: "tone")
  private let copy = TenantID(trusted: "tcopy")
  private let clock = SimulatedWallClock()
  private let sealer = Sealer(key: [UInt8](repeating: 7, count: 32))
  private let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  private func inDirectory(_ body: (String) async throws -> Void) async throws {
    var template = Array("/tmp/aimstors-forks-XXXXXX".utf8CString)
    let directory = try #require(mkdtemp(&template).map { String(cString: $0) })
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try await body(directory)
  }

  /// `sealer`: one that cannot open what the source has sealed stops it after the installation.
  private func restoration(
    _ cell: ArchivedCell, _ directory: String, _ sealer: Sealer
  ) -> TenantRestoration {
    TenantRestoration(
      service: cell.service, engine: cell.engine, directives: cell.directives,
      files: LiveFileSystem(), random: SeededRandomSource(seed: 3), clock: clock,
      dataDirectory: "\(directory)/cell", sealer: sealer, forget: { _ in }, wake: { _ in })
  }

  private func request() -> TenantRestoration.Request {
    var profile = Aimstors_ProtoTenantProfile()
    profile.tenant = copy.rawValue
    profile.epoch = 1
    profile.state = TenantState.readOnly.rawValue
    profile.slug = "fork"
    profile.currency = "EUR"
    return TenantRestoration.Request(
      operation: "op1", tenant: one, target: .latest, accept: false, fork: profile)
  }

  /// A tenant with a key and an access token.
  private func source(_ cell: ArchivedCell) async throws {
    try await cell.create(one)
    let sealer = sealer
    try await cell.engine.write(one, Shop.origin) { tx in
      try APIKeysStore(tx).insert(
        APIKey(
          id: tx.freshID(), publicID: "k", name: "k", mode: .live,
          secretHash: [UInt8](repeating: 1, count: 32),
          scopes: Scopes(rawValue: 1), allowed: [], rate: .standard, createdAt: tx.now,
          createdBy: "test", expiresAt: nil))
      _ = try Shop.connect(Shop.number, tx, sealer)
    }
    #expect(await cell.service.waitUntilArchived(seconds: 60))
  }

  private func keys(_ cell: ArchivedCell, _ tenant: TenantID) async throws -> Int {
    try await cell.engine.read(tenant, [.sessions]) { try APIKeysStore($0).count() }
  }

  /// As a kill leaves it between installation and closing.
  private func kill(_ cell: ArchivedCell, _ directory: String) async throws {
    let other = Sealer(key: [UInt8](repeating: 8, count: 32))
    await #expect(throws: (any Error).self) {
      try await restoration(cell, directory, other).run(request(), CellWork.Progress())
    }
    #expect(cell.engine.servedHeads[copy] != nil)
    #expect(try await keys(cell, copy) == 1)
  }

  private func expectClosed(_ cell: ArchivedCell) async throws {
    #expect(try await keys(cell, copy) == 0)
    #expect(try await cell.directives.facts(UnfinishedForks.prefix).isEmpty)
    guard case .fork = cell.directives.mark(of: copy) else {
      Issue.record("a copy would send after the release")
      return
    }
  }

  @Test func `one that a restore of the cell has yet to bring back is closed then`() async throws {
    try await inDirectory { directory in
      let cell = try await ArchivedCell("cell", in: directory, clock)
      try await source(cell)
      try await kill(cell, directory)
      #expect(await cell.service.waitUntilArchived(seconds: 60))
      await cell.close()
      // What the cell's own store knows is back, the fork is not; its mark came into no object.
      let next = try await ArchivedCell("next", in: directory, clock)
      let forks = UnfinishedForks(
        engine: next.engine, directives: next.directives, sealer: sealer)
      try await forks.note(.init(operation: "op1", source: one.rawValue), of: copy)
      let pending = copy
      await forks.resume(log) { $0 == pending }
      #expect(try await forks.isUnfinished(copy))

      let plan = try await next.service.plan(of: cell.id)
      let coming = TenantReturn(
        name: "cell@2", since: .zero, service: next.service, engine: next.engine,
        directives: next.directives, sealer: sealer)
      _ = try await coming.bringBack(.init(tenant: copy, epoch: .first), plan)
      plan.close()
      try await expectClosed(next)
      await next.close()
    }
  }

  @Test func `one whose cell is spread is a fork where it comes back, and is closed there`()
    async throws
  {
    try await inDirectory { directory in
      let cell = try await ArchivedCell("cell", in: directory, clock)
      try await source(cell)
      try await kill(cell, directory)
      try await cell.directives.mark(copy, nil)
      #expect(await cell.service.waitUntilArchived(seconds: 60))
      await cell.close()
      let next = try await ArchivedCell("next", in: directory, clock)
      var work = Aimstors_ProtoCellWork()
      work.cell = cell.id.rawValue
      work.at = "cell@spread"
      var profile = Aimstors_ProtoTenantProfile()
      profile.tenant = copy.rawValue
      profile.epoch = 2
      profile.state = TenantState.readOnly.rawValue
      work.tenants = [profile]
      let result = try await next.spread.run(try CellSpread.Order(work), CellWork.Progress())
      #expect(result.restored == [copy.rawValue], "\(result)")
      #expect(result.incomplete == nil)
      try await expectClosed(next)
      await next.close()
    }
  }

  @Test func `it is read-only and marked before it is there, and a start closes what it inherited`()
    async throws
  {
    try await inDirectory { directory in
      let cell = try await ArchivedCell("cell", in: directory, clock)
      try await source(cell)
      try await kill(cell, directory)
      #expect(cell.directives.state(of: copy) == .readOnly)
      #expect(cell.directives.stopReason(tenant: copy, phoneNumberID: "1")?.scope == .restored)
      #expect(cell.directives.notices(of: copy) == .nothing)

      let forks = UnfinishedForks(
        engine: cell.engine, directives: cell.directives, sealer: sealer)
      await forks.resume(log)
      #expect(try await keys(cell, copy) == 0)
      #expect(try await keys(cell, one) == 1)
      #expect(try await cell.directives.facts(UnfinishedForks.prefix).isEmpty)
      // The control plane asks again, and the fork is whole.
      let result = try await restoration(cell, directory, sealer)
        .run(request(), CellWork.Progress())
      #expect(result.tenantID == copy.rawValue)
      #expect(try await keys(cell, copy) == 0)
      #expect(cell.directives.state(of: copy) == .readOnly)
      #expect(try await cell.directives.facts(UnfinishedForks.prefix).isEmpty)
      await cell.close()
    }
  }

  @Test func `one that was not installed is forgotten, one that cannot be closed is not`()
    async throws
  {
    try await inDirectory { directory in
      let cell = try await ArchivedCell("cell", in: directory, clock)
      try await source(cell)
      try await kill(cell, directory)
      let other = Sealer(key: [UInt8](repeating: 8, count: 32))
      let forks = UnfinishedForks(engine: cell.engine, directives: cell.directives, sealer: other)
      let absent = DirectoryEntry(
        tenant: TenantID(trusted: "tabsent"), state: .readOnly, reason: "", changedAt: .zero)
      try await forks.begin(absent, of: one, by: "op2", at: .zero)
      await forks.resume(log)
      let left = try await cell.directives.facts(UnfinishedForks.prefix).map { $0.name }
      #expect(left == [copy.rawValue])
      await cell.close()
    }
  }
}
