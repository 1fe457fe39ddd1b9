import Synchronization
import Wire

/// One piece of work about a lost cell at a time.
final class CellTurns: Sendable {
  /// Between two looks at whose turn it is.
  private static let pause = Duration.milliseconds(200)

  private let taken = Mutex<Set<CellID>>([])

  /// Waits until nobody else works on the cell; ``end(_:)`` ends it.
  func take(_ cell: CellID) async throws {
    while !taken.withLock({ $0.insert(cell).inserted }) { try await Task.sleep(for: Self.pause) }
  }

  func end(_ cell: CellID) { taken.withLock { _ = $0.remove(cell) } }
}
