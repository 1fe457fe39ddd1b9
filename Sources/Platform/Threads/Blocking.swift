/// Runs what blocks on a thread of its own: files and SQLite are not for Swift's pool.
public enum Blocking {
  /// Who goes first where a machine has more to do than processors.
  public enum Rank: Sendable {
    case ordinary
    /// Behind everybody who answers a customer; see ``OwnThread/stepBack()``.
    case background
  }

  public static func run<T: Sendable>(
    _ name: String, as rank: Rank = .ordinary, _ body: @escaping @Sendable () throws -> T
  ) async -> Result<T, any Error> {
    await withUnsafeContinuation { caller in
      _ = OwnThread(name: name) {
        switch rank {
        case .ordinary: caller.resume(returning: Result { try body() })
        case .background: caller.resume(returning: behind(name, body))
        }
      }
    }
  }

  /// Runs `body` on a thread that stands behind the others, and waits for it here.
  ///
  /// Whoever resumes a caller may have to start one of the pool's threads, and a new thread stands
  /// where its maker does: the pool's would answer customers from behind, for as long as they live.
  private static func behind<T: Sendable>(
    _ name: String, _ body: @escaping @Sendable () throws -> T
  ) -> Result<T, any Error> {
    let outcome = Monitor<Result<T, any Error>?>(nil)
    _ = OwnThread(name: name) {
      OwnThread.stepBack()
      let result = Result { try body() }
      outcome.withLock { $0 = result }
      outcome.broadcast()
    }
    return outcome.wait { $0 }
  }
}
