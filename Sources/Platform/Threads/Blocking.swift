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
        if rank == .background { OwnThread.stepBack() }
        caller.resume(returning: Result { try body() })
      }
    }
  }
}
