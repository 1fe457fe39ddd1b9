import Storage
import Wire

/// Which tenant is restored next in a drill, and what is known of all; decides, without I/O.
struct DrillPlan: Sendable {
  /// A new tenant is drilled after this time: its first snapshot is made by then.
  static let firstMilliseconds: Int64 = 60_000
  /// A tenant whose drill failed is tried again after this time: the others have their turn
  /// meanwhile.
  static let retryMilliseconds: Int64 = 600_000

  /// Tenants of one pass.
  static let atOnce = 512
  /// Whoever is due within this part of the period goes with those who are.
  static let gatheredPart: Int64 = 5

  private struct Sight: Sendable {
    let at: Timestamp
    /// Where the tenant stood then: before the archive has that, it cannot be restored from it.
    let through: CellSeq
  }
  private struct Failed: Sendable {
    let text: String
    let at: Timestamp
  }

  /// When each tenant was restored and found right.
  private(set) var verified: [TenantID: Timestamp] = [:]
  private var firstSeen: [TenantID: Sight] = [:]
  private var failures: [TenantID: Failed] = [:]

  /// Takes in who is served; who has gone is forgotten.
  mutating func see(_ heads: [TenantID: TenantHead], at now: Timestamp) {
    firstSeen = firstSeen.filter { heads[$0.key] != nil }
    failures = failures.filter { heads[$0.key] != nil }
    for (tenant, head) in heads where firstSeen[tenant] == nil {
      firstSeen[tenant] = Sight(at: now, through: head.cellSeq)
    }
  }

  /// Whoever has been due for longest, and with it who will be soon.
  ///
  /// They share one reading of the journal. None where nobody is due.
  /// `archived` is the last position in the archive, nil where it is not known; `period` the
  /// milliseconds between two drills of a tenant.
  func next(at now: Timestamp, archived: CellSeq?, period: Int64) -> [TenantID] {
    func due(_ tenant: TenantID, _ sight: Sight) -> Timestamp? {
      if let failed = failures[tenant] {
        return failed.at.adding(milliseconds: Self.retryMilliseconds)
      }
      if let last = verified[tenant] { return last.adding(milliseconds: period) }
      guard let archived, archived >= sight.through else { return nil }
      return sight.at.adding(milliseconds: Self.firstMilliseconds)
    }
    let turns = firstSeen.compactMap { tenant, sight in due(tenant, sight).map { ($0, tenant) } }
      .sorted { $0 < $1 }
    guard let first = turns.first, first.0 <= now else { return [] }
    let soon = now.adding(milliseconds: period / Self.gatheredPart)
    return turns.prefix { due, tenant in
      due <= now || due <= soon && verified[tenant] != nil && failures[tenant] == nil
    }.prefix(Self.atOnce).map(\.1)
  }

  /// Notes how a drill ended; `failure` is nil where all was right.
  mutating func note(_ tenant: TenantID, _ failure: String?, at now: Timestamp) {
    failures[tenant] = failure.map { Failed(text: $0, at: now) }
    if failure == nil { verified[tenant] = now }
  }

  /// Takes in what was noted before a restart.
  mutating func load(_ tenant: TenantID, verified at: Timestamp) { verified[tenant] = at }

  /// Since when the tenant that waits for longest was not verified; nil where there is none.
  var oldest: Timestamp? { firstSeen.map { verified[$0.key] ?? $0.value.at }.min() }

  /// How many of those served were ever verified.
  var drilled: Int { firstSeen.keys.count { verified[$0] != nil } }

  /// One whose last drill failed, and why.
  var failure: (tenant: TenantID, text: String)? {
    failures.min { $0.key < $1.key }.map { ($0.key, $0.value.text) }
  }
}
