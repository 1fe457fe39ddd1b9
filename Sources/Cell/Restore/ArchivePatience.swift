import Wire

/// Tries again while the archive does not answer: what a blip fails would stay undone until
/// somebody gives the order once more.
struct ArchivePatience: Sendable {
  /// Attempts while the archive does not answer, or lacks what this cell knows of.
  static let attempts = 5

  /// Between two attempts.
  var pause = Duration.seconds(2)

  func callAsFunction<T: Sendable>(
    _ body: @Sendable () async throws -> T
  ) async throws -> T {
    for _ in 1..<Self.attempts {
      do { return try await body() } catch {
        guard RestoreFailure.of(error).code == .archiveUnavailable else { throw error }
      }
      try await Task.sleep(for: pause)
    }
    return try await body()
  }
}
