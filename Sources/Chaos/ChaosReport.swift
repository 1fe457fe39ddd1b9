/// What a chaos mode found: one JSON object, last.
public struct ChaosReport: Sendable {
  public var cycles = 0
  /// Operations that were acknowledged.
  public var acked = 0
  /// Acknowledged operations that are gone and in no reported range.
  public var lost = 0
  /// Operations whose effect stands more than once.
  public var duplicated = 0
  /// Tenants whose files, digests, ledger or balances contradict each other or the outside count.
  public var diverged = 0
  /// Faults that really happened, by name.
  public var faultsHit: [String: Int] = [:]
  /// Cells that wrote for one tenant under one epoch, at most; nil where no mode looked.
  public var ownersMax: Int?
  /// Files of tenants that are nobody's.
  public var orphans: Int?
  /// Moves that succeeded.
  public var moves: Int?
  /// What was measured, by name.
  public var measures: [String: Double] = [:]
  /// Why the mode failed beside the counts, in words.
  public var complaints: [String] = []
  public var seconds = 0.0

  public init() {}

  public var isOK: Bool {
    lost == 0 && duplicated == 0 && diverged == 0 && complaints.isEmpty && cycles > 0
      && (ownersMax ?? 1) <= 1 && (orphans ?? 0) == 0
  }

  /// Adds a complaint; a long run says each only once, and not more than twenty.
  mutating func complain(_ text: String) {
    guard complaints.count < 20, !complaints.contains(text) else { return }
    complaints.append(text)
  }

  /// Of several the largest.
  mutating func measure(_ name: String, _ value: Double) {
    measures[name] = max(measures[name] ?? 0, (value * 10).rounded() / 10)
  }

  mutating func hit(_ fault: String) { faultsHit[fault, default: 0] += 1 }

  /// Adds what another system showed.
  mutating func add(_ other: ChaosReport) {
    cycles += other.cycles
    acked += other.acked
    lost += other.lost
    duplicated += other.duplicated
    diverged += other.diverged
    complaints += other.complaints
    if let moves = other.moves { self.moves = (self.moves ?? 0) + moves }
    if let owners = other.ownersMax { ownersMax = max(ownersMax ?? 1, owners) }
    if let orphans = other.orphans { self.orphans = (self.orphans ?? 0) + orphans }
    for (fault, count) in other.faultsHit { faultsHit[fault, default: 0] += count }
    for (name, value) in other.measures { measure(name, value) }
  }
}
