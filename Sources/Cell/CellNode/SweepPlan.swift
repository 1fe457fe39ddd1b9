import Wire

/// Which tenants are looked at next in the background; decides, without I/O.
///
/// Everybody once a day, so that what is kept beside their files can be compared with them; and
/// soon after a change whoever has written, so that what is counted over all tenants is fresh. Both
/// are bounded per step: a cell of 10,000 idle tenants opens two every five seconds.
struct SweepPlan: Sendable {
  private struct Look: Sendable {
    var seq: TenantSeq
    var at: UInt64
    /// False for who was there at the start and has not been looked at yet.
    var isRead: Bool
  }

  static let stepSeconds: UInt64 = 5
  /// Tenants that have changed, per step; each at most once in ``freshSeconds``.
  static let changedPerStep = 64
  static let freshSeconds: UInt64 = 10
  /// Tenants of the first step: all of a small cell.
  static let firstStep = 64
  /// Tenants whose day is over, or who were not seen since the start, per later step.
  static let dailyPerStep = 2
  static let daySeconds: UInt64 = 86_400

  private var looks: [TenantID: Look] = [:]
  private var hasBegun = false

  /// Tenants that nobody has looked at since the start.
  func unseen(of count: Int) -> Int {
    max(0, count - looks.values.reduce(0) { $0 + ($1.isRead ? 1 : 0) })
  }

  /// The tenants to look at now, given where each stands; they count as seen from here on.
  mutating func step(_ heads: [TenantID: TenantSeq], now: UInt64) -> [TenantID] {
    let second: UInt64 = 1_000_000_000
    if looks.count > heads.count { looks = looks.filter { heads[$0.key] != nil } }
    var changed: [(TenantID, UInt64)] = []
    var daily: [(TenantID, UInt64)] = []
    for (tenant, seq) in heads {
      guard let look = looks[tenant] else {
        if hasBegun {
          // Who comes later has written.
          changed.append((tenant, 0))
        } else {
          looks[tenant] = Look(seq: seq, at: 0, isRead: false)
          daily.append((tenant, 0))
        }
        continue
      }
      let age = now - min(now, look.at)
      if !look.isRead {
        if look.seq == seq { daily.append((tenant, 0)) } else { changed.append((tenant, 0)) }
      } else if age >= Self.daySeconds * second {
        daily.append((tenant, look.at))
      } else if look.seq != seq, age >= Self.freshSeconds * second {
        changed.append((tenant, look.at))
      }
    }
    // So many that a day is enough for all.
    let perDay = max(
      hasBegun ? Self.dailyPerStep : Self.firstStep,
      heads.count / Int(Self.daySeconds / Self.stepSeconds) + 1)
    hasBegun = true
    let chosen =
      Self.oldest(changed, Self.changedPerStep) + Self.oldest(daily, perDay)
    for tenant in chosen {
      looks[tenant] = Look(seq: heads[tenant] ?? .zero, at: now, isRead: true)
    }
    return chosen
  }

  private static func oldest(_ tenants: [(TenantID, UInt64)], _ count: Int) -> [TenantID] {
    tenants.sorted { ($0.1, $0.0) < ($1.1, $1.0) }.prefix(count).map(\.0)
  }
}
