import Cryptography
import Platform
import Wire

/// Runs password hashes on threads of their own: each takes a quarter of a second of one core.
final class PasswordWork: Sendable {
  static let threads = 2
  /// Hashes that may wait; beyond it callers are told to come again.
  static let queue = 64

  private struct Jobs: Sendable {
    var waiting: [@Sendable () -> Void] = []
    var isStarted = false
  }

  let cost: Int
  private let jobs = Monitor(Jobs())

  /// - Parameter cost: bcrypt's; hashes of a lower one are made anew at the next sign-in.
  init(cost: Int) { self.cost = cost }

  /// Whether the password gave the hash; without one the same work is done in vain, so that the
  /// time tells nothing about whether there is such a person.
  func verify(_ password: String, _ hash: String?) async throws(Failure) -> Bool {
    let known = hash ?? Self.nobody(cost: cost)
    let isRight = try await run { PasswordHash.verify(password, known) }
    return isRight && hash != nil
  }

  /// Nil where the password cannot be hashed whole.
  func make(_ password: String, salt: [UInt8]) async throws(Failure) -> String? {
    let cost = cost
    return try await run { PasswordHash.make(password, cost: cost, salt: salt) }
  }

  func isOutdated(_ hash: String) -> Bool { (PasswordHash.cost(of: hash) ?? 0) < cost }

  private func run<T: Sendable>(_ body: @escaping @Sendable () -> T) async throws(Failure) -> T {
    let result = await withCheckedContinuation { (continuation: CheckedContinuation<T?, Never>) in
      let isTaken = jobs.withLock { jobs in
        guard jobs.waiting.count < Self.queue else { return false }
        jobs.waiting.append { continuation.resume(returning: body()) }
        if !jobs.isStarted {
          jobs.isStarted = true
          start()
        }
        return true
      }
      if isTaken { jobs.signal() } else { continuation.resume(returning: nil) }
    }
    guard let result else {
      throw Failure(.overloaded, "too many sign-ins at a time", retryAfterMilliseconds: 1_000)
    }
    return result
  }

  private func start() {
    for number in 0..<Self.threads {
      _ = OwnThread(name: "password-\(number)") { [jobs] in
        while true {
          let job = jobs.wait { jobs in jobs.waiting.isEmpty ? nil : jobs.waiting.removeFirst() }
          job()
        }
      }
    }
  }

  /// A hash that no password has, of the same cost.
  private static func nobody(cost: Int) -> String {
    "$2b$\(cost < 10 ? "0" : "")\(cost)$" + String(repeating: "C", count: 21) + "."
      + String(repeating: "0", count: 31)
  }
}
