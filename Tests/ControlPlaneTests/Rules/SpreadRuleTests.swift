import Testing
import Wire

@testable import ControlPlane

@Suite("Who takes a lost cell's tenants") struct SpreadRuleTests {
  private let lost = CellID(trusted: "lost")
  private let b = CellID(trusted: "b")
  private let c = CellID(trusted: "c")
  private let operation = OperationID(trusted: "op_2")
  private let tenant = TenantID(trusted: "t1")

  private func row(
    _ placed: SpreadRule.Placed, chosen: [TenantID: CellID] = [:], earlier: SpreadTenant? = nil,
    takers: Set<CellID>? = nil
  ) throws -> SpreadTenant {
    try #require(
      SpreadRule.rows(
        of: lost, for: operation, [placed], chosen: chosen,
        earlier: earlier.map { [placed.id: $0] } ?? [:], takers: takers ?? [b, c]
      ).first)
  }

  private func earlier(to cell: CellID, _ epoch: UInt64) -> SpreadTenant {
    SpreadTenant(
      cell: lost, tenant: tenant, operation: OperationID(trusted: "op_1"), from: Epoch(3),
      to: Placement(cell: cell, epoch: Epoch(epoch)), state: .failed, code: "archive_unavailable",
      detail: "away")
  }

  @Test func `the epoch is above the placement's and every one that was armed`() throws {
    let plain = try row(.init(id: tenant, epoch: Epoch(3)), chosen: [tenant: b])
    #expect(plain.state == .planned && plain.to == Placement(cell: b, epoch: Epoch(4)))
    #expect(plain.from == Epoch(3))
    let armed = try row(
      .init(id: tenant, epoch: Epoch(3), armed: Epoch(7)), chosen: [tenant: b])
    #expect(armed.to?.epoch == Epoch(8))
  }

  @Test func `who was to go to a cell that is there goes there again, under the same epoch`()
    throws
  {
    let again = try row(
      .init(id: tenant, epoch: Epoch(3), armed: Epoch(4)), chosen: [tenant: c],
      earlier: earlier(to: b, 4))
    #expect(again.to == Placement(cell: b, epoch: Epoch(4)))
    #expect(again.state == .planned && again.code.isEmpty && again.operation == operation)
    // That cell is lost as well: another one, above what was issued for it.
    let elsewhere = try row(
      .init(id: tenant, epoch: Epoch(3), armed: Epoch(4)), chosen: [tenant: c],
      earlier: earlier(to: b, 4), takers: [c])
    #expect(elsewhere.to == Placement(cell: c, epoch: Epoch(5)))
  }

  @Test func `who fits nowhere or moves is named; who never was begins elsewhere`() throws {
    let full = try row(.init(id: tenant, epoch: Epoch(1)))
    #expect(full.state == .failed && full.code == "cell_full" && full.to == nil)
    let moving = try row(
      .init(id: tenant, epoch: Epoch(1), knownBy: c), chosen: [tenant: b], takers: [b])
    #expect(moving.state == .failed && moving.code == "conflict" && moving.detail.contains("c"))
    let new = try row(
      .init(id: tenant, epoch: Epoch(1), isProvisioned: false), chosen: [tenant: b])
    #expect(new.state == .done && new.to == Placement(cell: b, epoch: Epoch(2)))
  }

  @Test func `who moves goes where it was going: that cell alone knows`() throws {
    let placed = SpreadRule.Placed(
      id: tenant, epoch: Epoch(3), knownBy: c, armed: Epoch(4))
    let moving = try row(placed, chosen: [tenant: b])
    // Above the epoch of the move, which is never used from then on.
    #expect(moving.state == .planned && moving.to == Placement(cell: c, epoch: Epoch(5)))
    let again = try row(placed, chosen: [tenant: b], earlier: earlier(to: c, 5))
    #expect(again.to == Placement(cell: c, epoch: Epoch(5)))
  }

  @Test func `who may be elsewhere is asked for there, once`() throws {
    let planned = try row(.init(id: tenant, epoch: Epoch(3)), chosen: [tenant: b])
    let why = Failure(.conflict, "see there first")
    let placed = Placement(cell: lost, epoch: Epoch(3))
    func redirected(
      _ row: SpreadTenant, _ cell: CellID, at now: Placement?, takers: Set<CellID>? = nil
    ) -> SpreadTenant? {
      SpreadRule.redirected(
        row, to: cell, why, placedAt: now, armed: Epoch(4), takers: takers ?? [b, c])
    }
    let other = try #require(redirected(planned, c, at: placed))
    // Above the epoch under which the first one was asked for it.
    #expect(other.to == Placement(cell: c, epoch: Epoch(5)) && other.state == .planned)
    #expect(redirected(other, c, at: placed) == nil)
    #expect(redirected(other, b, at: placed) == nil)
    #expect(redirected(planned, c, at: placed, takers: [b]) == nil)
    // Who was released to the lost cell is known to be its source's.
    #expect(redirected(planned, c, at: Placement(cell: b, epoch: Epoch(3))) == nil)
    var done = other
    done.succeed()
    #expect(done.code.isEmpty && done.detail.isEmpty)
  }

  @Test func `a placement is changed only where it still is the lost cell's`() throws {
    let planned = try row(.init(id: tenant, epoch: Epoch(3)), chosen: [tenant: b])
    let to = Placement(cell: b, epoch: Epoch(4))
    #expect(
      try SpreadRule.place(planned, placedAt: Placement(cell: lost, epoch: Epoch(3))) == to)
    // A repeat, after the answer was lost.
    #expect(try SpreadRule.place(planned, placedAt: to) == to)
    for other in [Placement(cell: c, epoch: Epoch(9)), Placement(cell: lost, epoch: Epoch(4))] {
      #expect(throws: Failure.self) { try SpreadRule.place(planned, placedAt: other) }
    }
    #expect(throws: Failure.self) { try SpreadRule.place(planned, placedAt: nil) }
  }

  @Test func `a lost cell's tenants count as much as others', and something in any case`() throws {
    let measured = MeasuredCell(
      tenants: [.init(tenant: "a", operations: 90, bytes: 800, syncMicroseconds: 40)], others: 3,
      rest: .init(tenant: "", operations: 30, bytes: 400, syncMicroseconds: 0))
    let alike = MeasuredCell.assumed(2, like: [measured], atLeast: 0)
    #expect(alike.others == 2 && alike.rest.operations == 60 && alike.rest.bytes == 600)
    #expect(alike.rest.syncMicroseconds == 20)
    let idle = MeasuredCell.assumed(4, like: [], atLeast: 0.001)
    let one = idle.loads(of: [tenant])[tenant]
    #expect(one?.operations == ControlPlaneLimits.operationsPerSecondAtFullLoad * 0.001)
    #expect(MeasuredCell.assumed(0, like: [], atLeast: 0.001).rest.operations == 0)
  }
}
