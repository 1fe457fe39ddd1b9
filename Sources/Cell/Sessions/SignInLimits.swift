import Edge
import Platform
import Synchronization
import Wire

/// How often somebody may try to sign in: locked out by rate, and never for good.
final class SignInLimits: Sendable {
  /// What is counted, each by a rate of its own.
  enum Subject: Hashable, Sendable {
    /// Attempts at one person's password.
    case person(TenantID, String)
    /// Attempts at one person's second factor, once the password was right.
    case secondFactor(TenantID, RowID)
    /// Attempts from one address: an IPv4 address, or an IPv6 client's whole /64.
    case address(TenantID, NetworkAddress?)
    /// Letters to one address.
    case letter(TenantID, String)
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
        meters = meters.filter { if case .address = $0.key { false } else { true } }
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
    let (interval, burst) = Self.rate(of: subject)
    return state.withLock { state in
      if state.meters.count >= Self.capacity { state.makeRoom(now: now) }
      let limit = RateLimit(interval: interval, burst: burst)
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

  /// Nanoseconds per attempt, and how many at once.
  private static func rate(of subject: Subject) -> (Int64, Int64) {
    let second: Int64 = 1_000_000_000
    return switch subject {
    case .person: (30 * second, 10)
    case .secondFactor: (300 * second, 5)
    case .address: (second, 60)
    case .letter: (300 * second, 3)
    }
  }
}
