/// What an operator asks for a tenant's records; it goes with the tenant to wherever it moves.
enum TenantDurability: String, Codable, Hashable, Sendable, CaseIterable {
  /// As the tenant's cell does.
  case cell
  /// What was acknowledged survives the loss of a process and of power.
  case local
  /// And of the machine: every promotable follower has it too.
  case follower

  /// As it is stored; one that this version does not know is treated as the safest that it knows.
  init(stored text: String) { self = TenantDurability(rawValue: text) ?? .follower }

  /// As a cell tells it; empty: as the cell does.
  init(told text: String) { self = text.isEmpty ? .cell : TenantDurability(stored: text) }

  /// As a cell is told it; empty: as the cell does.
  var message: String { self == .cell ? "" : rawValue }
}
