/// Runs what blocks on a thread of its own: files and SQLite are not for Swift's pool.
public enum Blocking {
  public static func run<T: Sendable>(
    _ name: String, _ body: @escaping @Sendable () throws -> T
  ) async -> Result<T, any Error> {
    await withUnsafeContinuation { caller in
      _ = OwnThread(name: name) { caller.resume(returning: Result { try body() }) }
    }
  }
}
