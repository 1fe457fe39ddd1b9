import Wire

/// Which tenants are looked at next in the background; decides, without I/O.
///
/// Everybody once a day, so that what is kept beside their files can be compared with them; and
/// soon after a change whoever has written, so that what is counted over all tenants is fresh. Both
/// are bounded per step: a cell of 10,000 idle tenants opens one every two seconds at most.
struct SweepPlan: Sendable {
  private struct Look: Sendable {
    var seq: TenantSeq
    var at: UInt64
  }

  static let stepSeconds: UInt64 = 10
  /// Tenants that have changed, per step; each at most once in ``freshSeconds``.
  static let changedPerStep = 64
  static let freshSeconds: UInt64 = 60
  /// Tenants whose day is over, or who were not seen since the start, per step.
  static let dailyPerStep = 5
  static let daySeconds: UInt64 = 86_400

  private var looks: [TenantID: Look] = [:]

  /// Tenants that nobody has looked at since the start.
  func unseen(of count: Int) -> Int { max(0, count - looks.count) }

  /// The tenants to look at now, given where each stands; they count as seen from here on.
  mutating func step(_ heads: [TenantID: TenantSeq], now: UInt64) -> [TenantID] {
    let second: UInt64 = 1_000_000_000
    if looks.count > heads.count { looks = looks.filter { heads[$0.key] != nil } }
    var changed: [(TenantID, UInt64)] = []
    var daily: [(TenantID, UInt64)] = []
    for (tenant, seq) in heads {
      guard let look = looks[tenant] else {
        daily.append((tenant, 0))
        continue
      }
      let age = now - min(now, look.at)
      if age >= Self.daySeconds * second {
        daily.append((tenant, look.at))
      } else if look.seq != seq, age >= Self.freshSeconds * second {
        changed.append((tenant, look.at))
      }
    }
    // So many that a day is enough for all.
    let perDay = max(
      Self.dailyPerStep, heads.count / Int(Self.daySeconds / Self.stepSeconds) + 1)
    let chosen =
      Self.oldest(changed, Self.changedPerStep) + Self.oldest(daily, perDay)
    for tenant in chosen { looks[tenant] = Look(seq: heads[tenant] ?? .zero, at: now) }
    return chosen
  }

  private static func oldest(_ tenants: [(TenantID, UInt64)], _ count: Int) -> [TenantID] {
    tenants.sorted { ($0.1, $0.0) < ($1.1, $1.0) }.prefix(count).map(\.0)
  }
}
