import Wire

/// A row about where a tenant is.
struct PlacedTenant: Hashable {
  let cell: CellID
  let epoch: Epoch
  var isProvisioned: Bool

  init(cell: CellID, epoch: Epoch, isProvisioned: Bool) {
    self.cell = cell
    self.epoch = epoch
    self.isProvisioned = isProvisioned
  }

  init?(_ row: String?) {
    guard let parts = row?.split(separator: "|"), parts.count == 3,
      let epoch = UInt64(parts[1])
    else { return nil }
    self.init(
      cell: CellID(trusted: String(parts[0])), epoch: Epoch(epoch), isProvisioned: parts[2] == "1")
  }

  var text: String { "\(cell)|\(epoch.rawValue)|\(isProvisioned ? 1 : 0)" }
}
