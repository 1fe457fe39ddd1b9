import Cryptography
import Edge
import Platform
import Synchronization
import Wire

/// How often somebody may try to sign in: locked out by rate, and never for good.
final class SignInLimits: Sendable {
  /// What is counted, each by a rate of its own.
  enum Kind: String, Hashable, Sendable {
    /// Attempts at one person's password.
    case person
    /// Attempts at one person's second factor, once the password was right.
    case secondFactor = "second_factor"
    /// Attempts from one address: an IPv4 address, or an IPv6 client's whole /64.
    case address
    /// Letters to one address.
    case letter

    /// An attempt each interval, and how many at once.
    var limit: RateLimit {
      let second: Int64 = 1_000_000_000
      return switch self {
      case .person: RateLimit(interval: 30 * second, burst: 10)
      case .secondFactor: RateLimit(interval: 300 * second, burst: 5)
      case .address: RateLimit(interval: second, burst: 60)
      case .letter: RateLimit(interval: 300 * second, burst: 3)
      }
    }
  }

  /// Who is counted.
  struct Subject: Hashable, Sendable {
    let kind: Kind
    let tenant: TenantID
    let key: String

    /// The longest key that is kept as it is, in bytes; no address of a person is longer.
    static let longestKey = 254

    private init(_ kind: Kind, _ tenant: TenantID, _ key: String) {
      self.kind = kind
      self.tenant = tenant
      // Anybody may say anything of any length.
      self.key =
        key.utf8.count <= Self.longestKey ? key : Digest.sha256(key.utf8).hexText
    }

    init(_ left: Left, of tenant: TenantID) { self.init(left.kind, tenant, left.key) }

    static func person(_ tenant: TenantID, _ key: String) -> Subject {
      Subject(.person, tenant, key)
    }

    static func secondFactor(_ tenant: TenantID, _ user: RowID) -> Subject {
      Subject(.secondFactor, tenant, user.text(.user))
    }

    /// Addresses that are none count as one.
    static func address(_ tenant: TenantID, _ address: NetworkAddress?) -> Subject {
      Subject(.address, tenant, address.map { "\($0)" } ?? "")
    }

    static func letter(_ tenant: TenantID, _ key: String) -> Subject {
      Subject(.letter, tenant, key)
    }
  }

  /// Subjects remembered; beyond it those are forgotten who have no attempt to forget, and if that
  /// makes no room, addresses before people.
  static let capacity = 100_000
  /// A lock-out that goes on is told once in so long.
  static let tellNanoseconds: Int64 = 3_600 * 1_000_000_000

  private struct State {
    var meters: [Subject: RateMeter] = [:]
    /// When each lock-out was told last.
    var told: [Subject: Int64] = [:]

    mutating func makeRoom(now: Int64) {
      meters = meters.filter { $0.value.emptyAt > now }
      if meters.count >= SignInLimits.capacity {
        meters = meters.filter { $0.key.kind != .address }
      }
      if meters.count >= SignInLimits.capacity { meters = [:] }
      told = told.filter { now < $0.value + SignInLimits.tellNanoseconds }
    }
  }
  private let boot: any BootClock
  private let state = Mutex(State())

  init(boot: any BootClock) { self.boot = boot }

  enum Verdict: Hashable, Sendable {
    case allowed
    /// `isNew`: the first refusal of an hour.
    case refused(retryAfterMilliseconds: Int64, isNew: Bool)
  }

  func ask(_ subject: Subject) -> Verdict {
    let now = Int64(clamping: boot.nanoseconds())
    let limit = subject.kind.limit
    return state.withLock { state in
      if state.meters.count >= Self.capacity { state.makeRoom(now: now) }
      var meter = state.meters[subject] ?? RateMeter(now: now, limit: limit, withBurst: true)
      switch meter.take(now: now, limit: limit) {
      case .allowed:
        state.meters[subject] = meter
        return .allowed
      case .refused(let nanoseconds):
        // Being let through now and then, as a rate lets everybody, ends no lock-out.
        let isNew = state.told[subject].map { now >= $0 + Self.tellNanoseconds } ?? true
        if isNew, state.told.count < Self.capacity { state.told[subject] = now }
        return .refused(
          retryAfterMilliseconds: (nanoseconds + 999_999) / 1_000_000, isNew: isNew)
      }
    }
  }

  /// Forgets the failures of somebody who has proved themselves.
  func succeed(_ subject: Subject) {
    state.withLock { state in
      state.meters[subject] = nil
      state.told[subject] = nil
    }
  }

  // On its way to another cell.

  /// Subjects of one tenant that travel with it at most: those nearest to a lock-out.
  static let travelling = 1_000

  /// One subject's rate as of now.
  struct Left: Hashable, Sendable {
    let kind: Kind
    let key: String
    /// Nanoseconds until the bucket is empty again.
    let emptyIn: Int64

    /// How much of its burst is used, in thousandths.
    fileprivate var part: Int64 { emptyIn / (kind.limit.burst * kind.limit.interval / 1_000) }
  }

  /// What is left of a tenant's limits: who is locked out stays so where the tenant goes.
  func left(of tenant: TenantID) -> [Left] {
    let now = Int64(clamping: boot.nanoseconds())
    let busy = state.withLock { state in
      state.meters.filter { $0.key.tenant == tenant && $0.value.emptyAt > now }
    }
    let left = busy.map {
      Left(kind: $0.key.kind, key: $0.key.key, emptyIn: $0.value.emptyAt - now)
    }
    return Array(left.sorted { $0.part > $1.part }.prefix(Self.travelling))
  }

  /// Goes on with the limits that a tenant had in the cell that it came from.
  func take(_ left: [Left], of tenant: TenantID) {
    let now = Int64(clamping: boot.nanoseconds())
    state.withLock { state in
      for one in left.prefix(Self.travelling) {
        let limit = one.kind.limit
        // No subject owes more than a whole burst.
        let emptyIn = min(max(0, one.emptyIn), limit.burst * limit.interval)
        if state.meters.count >= Self.capacity { state.makeRoom(now: now) }
        state.meters[Subject(one, of: tenant)] = RateMeter(
          emptyAt: now + emptyIn)
      }
    }
  }

  func forget(_ tenant: TenantID) {
    state.withLock { state in
      state.meters = state.meters.filter { $0.key.tenant != tenant }
      state.told = state.told.filter { $0.key.tenant != tenant }
    }
  }
}
