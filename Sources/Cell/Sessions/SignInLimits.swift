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
    case address(TenantID, String)
    /// Letters to one address.
    case letter(TenantID, String)
  }

  /// Subjects remembered; beyond it the table starts over with what comes.
  static let capacity = 100_000

  private struct State {
    var meters: [Subject: RateMeter] = [:]
    var lockedOut: Set<Subject> = []
  }
  private let boot: any BootClock
  private let state = Mutex(State())

  init(boot: any BootClock) { self.boot = boot }

  enum Verdict: Hashable, Sendable {
    case allowed
    /// `isNew`: the first refusal since the subject was last let through.
    case refused(retryAfterMilliseconds: Int64, isNew: Bool)
  }

  func ask(_ subject: Subject) -> Verdict {
    let now = Int64(clamping: boot.nanoseconds())
    let (interval, burst) = Self.rate(of: subject)
    return state.withLock { state in
      if state.meters.count >= Self.capacity { state = State() }
      let limit = RateLimit(interval: interval, burst: burst)
      var meter = state.meters[subject] ?? RateMeter(now: now, limit: limit, withBurst: true)
      switch meter.take(now: now, limit: limit) {
      case .allowed:
        state.meters[subject] = meter
        state.lockedOut.remove(subject)
        return .allowed
      case .refused(let nanoseconds):
        let isNew = state.lockedOut.insert(subject).inserted
        return .refused(
          retryAfterMilliseconds: (nanoseconds + 999_999) / 1_000_000, isNew: isNew)
      }
    }
  }

  /// Forgets the failures of somebody who has proved themselves.
  func succeed(_ subject: Subject) {
    state.withLock { state in
      state.meters[subject] = nil
      state.lockedOut.remove(subject)
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
