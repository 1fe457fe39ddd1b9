import Wire

/// Which tenants are looked at next in the background; decides, without I/O.
///
/// Everybody once a day, so that what is kept beside their files can be compared with them; and
/// soon after a change whoever has written, so that what is counted over all tenants is fresh.
/// A tenant whose files are open costs little to look at; opening one costs ten milliseconds or
/// more. So those that changed are looked at while they are open, and all that would have to be
/// opened share one small bound: a cell of 10,000 idle tenants opens two every ten seconds.
struct SweepPlan: Sendable {
  private struct Look: Sendable {
    var seq: TenantSeq
    var at: UInt64
    /// False for who was there at the start and has not been looked at yet.
    var isRead: Bool
  }

  static let stepSeconds: UInt64 = 5
  /// Open tenants that have changed, per step; each at most once in ``freshSeconds``.
  ///
  /// Enough to see 1,000 open ones before they are closed for idleness.
  static let changedPerStep = 256
  static let freshSeconds: UInt64 = 10
  /// Tenants of the first step: all of a small cell.
  static let firstStep = 64
  /// Tenants to be opened for it, each time: first those that changed and were closed unseen, then
  /// those whose day is over or who were not seen since the start.
  static let openedAtOnce = 2
  /// Between two such times.
  static let openingSeconds: UInt64 = 10
  static let daySeconds: UInt64 = 86_400

  private var looks: [TenantID: Look] = [:]
  private var hasBegun = false
  private var openedAt: UInt64 = 0

  /// Tenants that nobody has looked at since the start.
  func unseen(of count: Int) -> Int {
    max(0, count - looks.values.reduce(0) { $0 + ($1.isRead ? 1 : 0) })
  }

  /// The tenants to look at now, given where each stands and whose files are open; they count as
  /// seen from here on.
  mutating func step(
    _ heads: [TenantID: TenantSeq], open: Set<TenantID>, now: UInt64
  ) -> [TenantID] {
    let second: UInt64 = 1_000_000_000
    if looks.count > heads.count { looks = looks.filter { heads[$0.key] != nil } }
    var changed: [(TenantID, UInt64)] = []
    var closed: [(TenantID, UInt64)] = []
    var daily: [(TenantID, UInt64)] = []
    func noteChange(_ tenant: TenantID, _ at: UInt64) {
      if open.contains(tenant) { changed.append((tenant, at)) } else { closed.append((tenant, at)) }
    }
    for (tenant, seq) in heads {
      guard let look = looks[tenant] else {
        if hasBegun {
          // Who comes later has written.
          noteChange(tenant, 0)
        } else {
          looks[tenant] = Look(seq: seq, at: 0, isRead: false)
          daily.append((tenant, 0))
        }
        continue
      }
      let age = now - min(now, look.at)
      if !look.isRead {
        if look.seq == seq { daily.append((tenant, 0)) } else { noteChange(tenant, 0) }
      } else if age >= Self.daySeconds * second {
        daily.append((tenant, look.at))
      } else if look.seq != seq, age >= Self.freshSeconds * second {
        noteChange(tenant, look.at)
      }
    }
    // So many that a day is enough for all.
    var openings = max(
      hasBegun ? Self.openedAtOnce : Self.firstStep,
      heads.count / Int(Self.daySeconds / Self.openingSeconds) + 1)
    if hasBegun, now < openedAt + Self.openingSeconds * second {
      openings = 0
    } else {
      openedAt = now
    }
    hasBegun = true
    let seenOpen = Self.oldest(changed, Self.changedPerStep)
    // Half at least is for those whose turn it is, however many write and are closed.
    let reopened = Self.oldest(closed, daily.isEmpty ? openings : openings / 2)
    let chosen = seenOpen + reopened + Self.oldest(daily, openings - reopened.count)
    for tenant in chosen {
      looks[tenant] = Look(seq: heads[tenant] ?? .zero, at: now, isRead: true)
    }
    return chosen
  }

  private static func oldest(_ tenants: [(TenantID, UInt64)], _ count: Int) -> [TenantID] {
    tenants.sorted { ($0.1, $0.0) < ($1.1, $1.0) }.prefix(count).map(\.0)
  }
}
