import Wire

/// How many tenants have asked lately, in this second or the one before it; decides, without I/O.
struct ActiveTenants: Sendable {
  typealias Instant = ContinuousClock.Instant

  static let interval = Duration.seconds(1)

  private var began: Instant?
  private var current: Set<TenantID> = []
  private var before: Set<TenantID> = []
  /// How many of `before` have asked again.
  private var again = 0

  var count: Int { current.count + before.count - again }

  /// Notes that `tenant` asks at `now`.
  mutating func note(_ tenant: TenantID, at now: Instant) {
    let age = began.map { now - $0 } ?? Self.interval * 2
    if age >= Self.interval {
      before = age < Self.interval * 2 ? current : []
      current = []
      again = 0
      began = now
    }
    guard current.insert(tenant).inserted else { return }
    if before.contains(tenant) { again += 1 }
  }
}
