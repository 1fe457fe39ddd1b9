import Archive
import Foundation
import Logging
import Platform
import Simulation
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Cell

@Suite("Tenants of a lost cell") struct CellSpreadTests {
  private let one = TenantID(trusted: "tone")
  private let copy = TenantID(trusted: "tcopy")
  private let clock = SimulatedWallClock()

  private func inDirectory(_ body: (String) async throws -> Void) async throws {
    var template = Array("/tmp/aimstors-spread-XXXXXX".utf8CString)
    let directory = try #require(mkdtemp(&template).map { String(cString: $0) })
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try await body(directory)
  }

  /// A cell with a tenant, a copy for support and a webhook part in its spool, archived and gone.
  private func lost(_ directory: String) async throws {
    let cell = try await ArchivedCell("lost", in: directory, clock)
    for tenant in [copy, one] { try await cell.create(tenant) }
    try await cell.directives.mark(copy, .fork(since: .zero))
    try await cell.rename(one, "last")
    for body in ["a", "b"] {
      var part = Aimstors_ProtoSpoolPart()
      part.reason = "number_unknown"
      part.body = .init(Array(body.utf8))
      _ = try await Spool(store: cell.engine).accept(part, trace: "")
    }
    #expect(await cell.service.waitUntilArchived(seconds: 60))
    await cell.close()
  }

  private func order(_ tenants: [(TenantID, UInt64)]) throws -> CellSpread.Order {
    var work = Aimstors_ProtoCellWork()
    work.kind = "cell_spread"
    work.cell = "lost"
    work.at = "lost@spread"
    work.tenants = tenants.map { tenant, epoch in
      var profile = Aimstors_ProtoTenantProfile()
      profile.tenant = tenant.rawValue
      profile.epoch = epoch
      profile.state = "read_only"
      return profile
    }
    return try CellSpread.Order(work)
  }

  /// It is a tenant of this cell like any other: archived, and restorable from here.
  private func expectToGoOn(_ cell: ArchivedCell) async throws {
    try await cell.rename(one, "here")
    #expect(await cell.service.waitUntilArchived(seconds: 60))
    let beside = try await cell.service.restoreBeside(one, to: .latest)
    #expect(beside.restored.position.tenantSeq == cell.engine.heads[one]?.tenantSeq)
    #expect(beside.restored.cell == cell.id)
  }

  @Test func `they come back suspended, copies stay copies, and a repeat changes nothing`()
    async throws
  {
    try await inDirectory { directory in
      try await lost(directory)
      let cell = try await ArchivedCell("new", in: directory, clock)
      let progress = CellWork.Progress()
      let order = try order([(one, 2), (copy, 4)])
      let result = try await cell.spread.run(order, progress)
      #expect(Set(result.restored) == [one.rawValue, copy.rawValue] && result.failed.isEmpty)
      #expect(progress.value.done == 2 && progress.reported.contains(one.rawValue))
      #expect(try await cell.name(of: one) == "last")
      #expect(cell.engine.heads[one]?.epoch == Epoch(2))
      guard case .suspended("lost@spread", _) = cell.directives.mark(of: one) else {
        Issue.record("it would send: \(String(describing: cell.directives.mark(of: one)))")
        return
      }
      guard case .fork = cell.directives.mark(of: copy) else {
        Issue.record("a copy would send after the release")
        return
      }
      #expect(cell.directives.state(of: one) == .readOnly)
      #expect(cell.directives.stopReason(tenant: one, phoneNumberID: "1")?.scope == .restored)

      let heads = cell.engine.heads
      let again = try await cell.spread.run(order, CellWork.Progress())
      #expect(Set(again.restored) == Set(result.restored) && again.records == 0)
      #expect(cell.engine.heads[one] == heads[one] && cell.engine.heads[copy] == heads[copy])

      try await expectToGoOn(cell)
      #expect(cell.service.status.problems.isEmpty)
      await cell.close()
    }
  }

  @Test func `who is not in the archive, or served here, is named, and the others come`()
    async throws
  {
    try await inDirectory { directory in
      try await lost(directory)
      let cell = try await ArchivedCell("new", in: directory, clock)
      let (unknown, mine) = (TenantID(trusted: "tnobody"), TenantID(trusted: "tmine"))
      try await cell.create(mine)
      let result = try await cell.spread.run(
        try order([(unknown, 2), (mine, 2), (one, 2)]), CellWork.Progress())
      #expect(result.restored == [one.rawValue])
      let codes = Dictionary(
        uniqueKeysWithValues: result.failed.map { ($0.tenantID, $0.code) })
      #expect(codes == [unknown.rawValue: "restore_point_missing", mine.rawValue: "conflict"])
      #expect(try await cell.name(of: mine) == "first")
      await cell.close()
    }
  }

  // On its way when the cell was lost.

  enum Progress: CaseIterable, Sendable {
    case copied, released, adopted
  }

  /// The lost cell was moving the tenant to `target`, and had come so far.
  private func lost(
    _ directory: String, moving progress: Progress, to target: ArchivedCell
  ) async throws {
    let cell = try await ArchivedCell("lost", in: directory, clock)
    try await cell.create(one)
    let move = TenantMoving(tenant: one, from: cell.id, to: target.id, epoch: Epoch(2))
    try await move.begin(cell.engine, target.engine)
    try await target.service.keepImport(one)
    try await cell.rename(one, "last")
    switch progress {
    case .copied: break
    case .released: try await move.release(cell.engine, target.engine)
    case .adopted: try await move.finish(cell.engine, target.engine)
    }
    for each in [cell, target] { #expect(await each.service.waitUntilArchived(seconds: 60)) }
    await cell.close()
  }

  @Test(arguments: Progress.allCases)
  func `who was on its way here comes out of the archive, or is here already`(
    _ progress: Progress
  ) async throws {
    try await inDirectory { directory in
      let cell = try await ArchivedCell("new", in: directory, clock)
      try await lost(directory, moving: progress, to: cell)
      let result = try await cell.spread.run(try order([(one, 3)]), CellWork.Progress())
      #expect(result.failed.isEmpty)
      #expect(result.adopted == (progress == .adopted ? [one.rawValue] : []))
      #expect(result.restored == (progress == .adopted ? [] : [one.rawValue]))
      #expect(try await cell.name(of: one) == "last")
      #expect(cell.engine.heads[one]?.epoch == Epoch(progress == .adopted ? 2 : 3))
      // The move is over: a source that is not dead after all hears that the tenant was adopted,
      // and nothing changes here; nor can it begin the move again.
      let head = cell.engine.heads[one]
      _ = try? await cell.engine.adoptMoved(
        one,
        MoveRelease(
          epoch: Epoch(2), cellSeq: CellSeq(9), tenantSeq: TenantSeq(4), hash: SHA256Hash.of([1]),
          time: .zero))
      try? await cell.engine.refuseMoved(one, under: Epoch(2))
      await #expect(throws: Failure.self) {
        try await cell.engine.beginImport(
          MoveImport(
            tenant: one, lineage: Lineage(1), epoch: Epoch(2), source: CellID(trusted: "lost"),
            tenantSeq: TenantSeq(1), hash: SHA256Hash.of([1]), time: .zero, schemaVersion: 1,
            nextDue: nil))
      }
      #expect(cell.engine.heads[one] == head)
      if progress != .adopted {
        guard case .suspended = cell.directives.mark(of: one) else {
          Issue.record("it would send")
          return
        }
      }
      // The same again, and from then on from one journal.
      let again = try await cell.spread.run(try order([(one, 3)]), CellWork.Progress())
      #expect(again.restored == result.restored && again.adopted == result.adopted)
      try await expectToGoOn(cell)
      await cell.close()
    }
  }

  @Test(arguments: Progress.allCases)
  func `who was on its way to another cell does not come here`(
    _ progress: Progress
  ) async throws {
    try await inDirectory { directory in
      let third = try await ArchivedCell("third", in: directory, clock)
      try await lost(directory, moving: progress, to: third)
      let cell = try await ArchivedCell("new", in: directory, clock)
      let result = try await cell.spread.run(try order([(one, 3)]), CellWork.Progress())
      #expect(result.restored.isEmpty && result.failed.map(\.code) == ["conflict"])
      // Who asked knows where to ask next.
      #expect(result.failed.map(\.leaving) == ["third"])
      #expect(cell.engine.heads[one] == nil)
      await cell.close()
      await third.close()
    }
  }

  // Released here to the lost cell.

  enum Adoption: CaseIterable, Sendable {
    case never, archived, notArchived
  }

  /// This cell has released the tenant to the lost one, which may have adopted it, and of which it
  /// has not heard since.
  private func release(
    _ directory: String, from cell: ArchivedCell, _ adoption: Adoption
  ) async throws {
    let lost = try await ArchivedCell("lost", in: directory, clock)
    try await cell.create(one)
    let move = TenantMoving(tenant: one, from: cell.id, to: lost.id, epoch: Epoch(2))
    try await move.begin(cell.engine, lost.engine)
    try await lost.service.keepImport(one)
    try await cell.rename(one, "released")
    let release = try await move.release(cell.engine, lost.engine)
    #expect(await lost.service.waitUntilArchived(seconds: 60))
    if adoption == .notArchived { await lost.stopArchiving() }
    if adoption != .never {
      _ = try await lost.engine.adoptMoved(one, release)
      try await lost.rename(one, "there")
    }
    if adoption == .archived { #expect(await lost.service.waitUntilArchived(seconds: 60)) }
    _ = try await lost.service.end(lost.id)
    await lost.close()
  }

  @Test(arguments: Adoption.allCases)
  func `who was released to the lost cell comes back, with what that acknowledged`(
    _ adoption: Adoption
  ) async throws {
    try await inDirectory { directory in
      let cell = try await ArchivedCell("new", in: directory, clock)
      try await release(directory, from: cell, adoption)
      #expect(await cell.service.waitUntilArchived(seconds: 60))
      let order = try order([(one, 3)])
      let result = try await cell.spread.run(order, CellWork.Progress())
      #expect(result.failed.isEmpty && result.restored == [one.rawValue])
      #expect(try await cell.name(of: one) == (adoption == .archived ? "there" : "released"))
      #expect(cell.engine.heads[one]?.epoch == Epoch(3))
      #expect(cell.engine.release(of: one) == nil)
      guard case .suspended = cell.directives.mark(of: one) else {
        Issue.record("it would send")
        return
      }
      let again = try await cell.spread.run(order, CellWork.Progress())
      #expect(again.restored == result.restored && again.records == 0)
      try await expectToGoOn(cell)
      await cell.close()
    }
  }

  @Test(arguments: Adoption.allCases)
  func `who was released to the lost cell, as everybody knows, may come back in a third one`(
    _ adoption: Adoption
  ) async throws {
    try await inDirectory { directory in
      let source = try await ArchivedCell("source", in: directory, clock)
      try await release(directory, from: source, adoption)
      #expect(await source.service.waitUntilArchived(seconds: 60))
      let cell = try await ArchivedCell("new", in: directory, clock)
      let result = try await cell.spread.run(try order([(one, 3)]), CellWork.Progress())
      #expect(result.failed.isEmpty && result.restored == [one.rawValue], "\(result)")
      #expect(try await cell.name(of: one) == (adoption == .archived ? "there" : "released"))
      await cell.close()
      await source.close()
    }
  }

  @Test func `who is still on the way to the lost cell is not said to be here`() async throws {
    try await inDirectory { directory in
      let cell = try await ArchivedCell("new", in: directory, clock)
      try await lost(directory)
      let mine = TenantID(trusted: "tmine")
      try await cell.create(mine)
      try await cell.engine.beginMove(mine, to: CellID(trusted: "lost"), under: Epoch(2))
      let order = try order([(mine, 3)])
      let early = try await cell.spread.run(order, CellWork.Progress())
      #expect(early.adopted.isEmpty && early.failed.map(\.code) == ["recovering"])
      try await cell.engine.burnMove(mine, under: Epoch(2))
      let late = try await cell.spread.run(order, CellWork.Progress())
      #expect(late.adopted == [mine.rawValue])
      await cell.close()
    }
  }

  /// Another cell than the lost one may have released it.
  @Test func `what comes here from a living cell is not refused`() async throws {
    try await inDirectory { directory in
      try await lost(directory)
      let (cell, source) = (
        try await ArchivedCell("new", in: directory, clock),
        try await ArchivedCell("third", in: directory, clock)
      )
      try await source.create(one)
      let move = TenantMoving(tenant: one, from: source.id, to: cell.id, epoch: Epoch(2))
      try await move.begin(source.engine, cell.engine)
      let release = try await move.release(source.engine, cell.engine)
      let result = try await cell.spread.run(try order([(one, 3)]), CellWork.Progress())
      #expect(result.restored.isEmpty && result.failed.map(\.leaving) == ["third"])
      _ = try await cell.engine.adoptMoved(one, release)
      #expect(cell.engine.servedHeads[one]?.epoch == Epoch(2))
      await cell.close()
      await source.close()
    }
  }

  @Test func `what the archive has of it before this cell's own release is not taken`()
    async throws
  {
    try await inDirectory { directory in
      let cell = try await ArchivedCell("new", in: directory, clock)
      try await cell.create(one)
      #expect(await cell.service.waitUntilArchived(seconds: 60))
      await cell.stopArchiving()
      let lost = try await ArchivedCell("lost", in: directory, clock)
      let move = TenantMoving(tenant: one, from: cell.id, to: lost.id, epoch: Epoch(2))
      try await move.begin(cell.engine, lost.engine)
      try await lost.service.keepImport(one)
      try await cell.rename(one, "released")
      try await move.release(cell.engine, lost.engine)
      #expect(await lost.service.waitUntilArchived(seconds: 60))
      _ = try await lost.service.end(lost.id)
      await lost.close()
      var spread = cell.spread
      spread.patiently.pause = .milliseconds(1)
      let order = try order([(one, 3)])
      let early = try await spread.run(order, CellWork.Progress())
      #expect(early.failed.map(\.code) == ["archive_unavailable"], "\(early)")
      #expect(cell.engine.release(of: one) != nil)
      cell.startArchiving()
      #expect(await cell.service.waitUntilArchived(seconds: 60))
      let late = try await spread.run(order, CellWork.Progress())
      #expect(late.restored == [one.rawValue], "\(late)")
      #expect(try await cell.name(of: one) == "released")
      await cell.close()
    }
  }

  @Test func `what waited in its spool waits here, once`() async throws {
    try await inDirectory { directory in
      try await lost(directory)
      let cell = try await ArchivedCell("new", in: directory, clock)
      let spool = Spool(store: cell.engine)
      for _ in 1...2 {
        let store = try await LostCellStore.restore(of: CellID(trusted: "lost"), cell.service)
        #expect(try await store.drain(into: spool, trace: "") == 2)
        await store.discard()
      }
      #expect(try await spool.count() == 2)
      await cell.close()
    }
  }

  @Test func `an order names the lost cell, the restore, and tenants with epochs`() throws {
    #expect(throws: Failure.self) { try order([(TenantID.cellStore, 2)]) }
    #expect(throws: Failure.self) { try order([(one, 0)]) }
    #expect(throws: Failure.self) { try CellSpread.Order(Aimstors_ProtoCellWork()) }
  }
}
