import ControlPlane
import Wire

/// The control plane's part in a move: it arms an epoch, orders the source, and learns the end.
extension SimulatedControlPlane {
  /// Chooses another cell and an epoch that was never issued, durably, before anybody is told.
  func arm(_ tenant: TenantID, _ placed: PlacedTenant) {
    let others = deployment.cells.map(\.id).filter { $0 != placed.cell }
    guard !others.isEmpty else { return }
    let target = deployment.choice.one(of: others)
    submitHere(
      StoreCommand(
        key: nil,
        run: { rows in
          guard PlacedTenant(rows[Self.place(tenant)]) == placed,
            PlacedTenant(rows[Self.pending(tenant)]) == nil
          else { return ([], .refused("conflict")) }
          let issued = Epoch(UInt64(rows.number(Self.issued(tenant))))
          let epoch = EpochRule.issue(known: placed.epoch, seen: [issued])
          let pending = PlacedTenant(cell: target, epoch: epoch, isProvisioned: false)
          return (
            [
              RowChange(key: Self.pending(tenant), value: pending.text),
              RowChange(key: Self.issued(tenant), value: "\(epoch.rawValue)"),
              RowChange(key: "version", value: "\(rows.number("version") + 1)"),
            ], .done("")
          )
        }, answer: { _ in }))
  }

  /// Has the source go on with a move, or give it up.
  func order(_ tenant: TenantID, from placed: PlacedTenant, to pending: PlacedTenant) {
    guard let source = deployment.cell(placed.cell) else { return }
    let epoch = pending.epoch
    if deployment.isFaulty, deployment.choice.happens(deployment.options.movesCancelled) {
      return deployment.send("cancel the move of \(tenant) under \(epoch.rawValue)") {
        source.cancelMove(tenant, under: epoch)
      }
    }
    deployment.send("move \(tenant) to \(pending.cell) under \(epoch.rawValue)") {
      source.move(tenant, to: pending.cell, under: epoch)
    }
  }

  /// A cell says how a move ended; only the one that is pending is any news.
  func ended(_ tenant: TenantID, under epoch: Epoch, _ end: MoveEnd) {
    guard let image, let placed = PlacedTenant(image[Self.place(tenant)]),
      let pending = PlacedTenant(image[Self.pending(tenant)]), pending.epoch == epoch
    else { return }
    switch end {
    case .burned: record(tenant, placed, onlyIf: placed, pending: pending)
    case .adopted:
      let now = PlacedTenant(cell: pending.cell, epoch: epoch, isProvisioned: true)
      record(tenant, now, onlyIf: placed, pending: pending) { [unowned self] in
        deployment.sometimes.replaced += 1
      }
    }
  }

  /// Compare-and-set of a tenant's placement, with no move pending after it; a change that comes
  /// late changes nothing.
  func record(
    _ tenant: TenantID, _ placed: PlacedTenant, onlyIf expected: PlacedTenant?,
    pending: PlacedTenant? = nil, then: @escaping () -> Void = {}
  ) {
    submitHere(
      StoreCommand(
        key: nil,
        run: { rows in
          guard PlacedTenant(rows[Self.place(tenant)]) == expected,
            PlacedTenant(rows[Self.pending(tenant)]) == pending
          else { return ([], .refused("conflict")) }
          return (
            [
              RowChange(key: Self.place(tenant), value: placed.text),
              RowChange(key: Self.pending(tenant), value: ""),
              RowChange(key: "version", value: "\(rows.number("version") + 1)"),
            ], .done("")
          )
        },
        answer: { answer in if case .done = answer { then() } }))
  }

  /// Whether a move is armed whose end is not on record.
  var hasPending: Bool {
    deployment.tenants.contains { PlacedTenant(image?[Self.pending($0)]) != nil }
  }

  static func place(_ tenant: TenantID) -> String { "place:\(tenant)" }
  static func pending(_ tenant: TenantID) -> String { "pending:\(tenant)" }
  /// The highest epoch that any move was armed with, whatever became of it.
  private static func issued(_ tenant: TenantID) -> String { "issued:\(tenant)" }
}
