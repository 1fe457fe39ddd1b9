import Wire

/// Which cell takes which tenant of a lost one, and under which epoch.
///
/// Decides only; the plan is recorded by its caller in one transaction with what it was based on.
package enum SpreadRule {
  /// A tenant that is placed at the lost cell.
  package struct Placed: Hashable, Sendable {
    package let id: TenantID
    package let epoch: Epoch
    /// Whether the lost cell has ever said that it holds it.
    package var isProvisioned = true
    /// The only cell that knows whether it has it: a move that was under way when the cell was lost
    /// goes there, or came from there.
    package var knownBy: CellID?
    /// The highest epoch that was armed for it.
    package var armed: Epoch?

    package init(
      id: TenantID, epoch: Epoch, isProvisioned: Bool = true, knownBy: CellID? = nil,
      armed: Epoch? = nil
    ) {
      self.id = id
      self.epoch = epoch
      self.isProvisioned = isProvisioned
      self.knownBy = knownBy
      self.armed = armed
    }
  }

  /// One row per placed tenant.
  ///
  /// A tenant on its way goes where it was going: that cell has it already, or may refuse it. One
  /// that was on its way to the lost cell goes where it came from.
  /// `chosen`: where the rules of a drain put each; who is not in it fits nowhere. `earlier`: what
  /// an operation before has left. `takers`: the cells that can bring tenants back now.
  package static func rows(
    of cell: CellID, for operation: OperationID, _ placed: [Placed], chosen: [TenantID: CellID],
    earlier: [TenantID: SpreadTenant], takers: Set<CellID>
  ) -> [SpreadTenant] {
    placed.map { tenant in
      let before = earlier[tenant.id]
      var row = SpreadTenant(
        cell: cell, tenant: tenant.id, operation: operation, from: tenant.epoch, to: before?.to,
        state: .planned)
      if let only = tenant.knownBy, !takers.contains(only) {
        row.fail(
          Failure(.conflict, "it was on its way: only \(only) knows, and that does not answer"))
      } else if let target = before?.to, takers.contains(target.cell) {
        // It may be there already, under the epoch that it was given.
        row.to = target
      } else if let target = tenant.knownBy ?? chosen[tenant.id] {
        let seen = [tenant.armed, before?.to?.epoch].compactMap { $0 }
        row.to = Placement(
          cell: target, epoch: EpochRule.issue(known: tenant.epoch, seen: seen))
        // Nobody was told of it: there is nothing to bring back, it begins there.
        if !tenant.isProvisioned { row.state = .done }
      } else {
        row.fail(Failure(.cellFull, "it fits into no other cell"))
      }
      return row
    }
  }

  /// The row of a tenant that another cell may have instead, as the lost one's journal says.
  ///
  /// Nil where it was sent elsewhere before, that cell takes nobody, or the tenant is not placed at
  /// the lost one: then who has it is known.
  package static func redirected(
    _ row: SpreadTenant, to other: CellID, _ why: Failure, placedAt now: Placement?, armed: Epoch?,
    takers: Set<CellID>
  ) -> SpreadTenant? {
    guard let before = row.to, before.cell != other, takers.contains(other), row.code.isEmpty,
      now == Placement(cell: row.cell, epoch: row.from)
    else { return nil }
    var row = row
    row.to = Placement(
      cell: other,
      epoch: EpochRule.issue(known: row.from, seen: [armed, before.epoch].compactMap { $0 }))
    (row.code, row.detail) = (why.code.rawValue, why.detail)
    return row
  }

  /// What becomes of a tenant that its new cell holds durably: compare-and-set.
  ///
  /// It was placed at the lost cell, or at the new one already, which had released it to the lost.
  /// Answers the new placement; throws `conflict` where the tenant was placed elsewhere meanwhile.
  package static func place(
    _ row: SpreadTenant, placedAt now: Placement?
  ) throws(Failure) -> Placement {
    guard let to = row.to else { throw Failure(.internalError, "it was to go nowhere") }
    if now == to { return to }
    guard let now, now.epoch == row.from, now.cell == row.cell || now.cell == to.cell else {
      throw Failure(.conflict, "it was placed elsewhere meanwhile")
    }
    return to
  }
}
