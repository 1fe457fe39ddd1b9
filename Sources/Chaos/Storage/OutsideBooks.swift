import Synchronization
import Wire

/// What the callers know, apart from any disk: which payments they tried, and which were answered.
final class OutsideBooks: Sendable {
  private struct State {
    var tried: [Int64: Payment] = [:]
    var acked: Set<Int64> = []
    var complaints: [String] = []
  }
  private let state = Mutex(State())

  func trying(_ payment: Payment) { state.withLock { $0.tried[payment.id] = payment } }

  /// Answers how many have been acknowledged.
  @discardableResult
  func acknowledged(_ payment: Payment) -> Int {
    state.withLock { state in
      state.acked.insert(payment.id)
      return state.acked.count
    }
  }

  func complain(_ text: String) { state.withLock { $0.complaints.append(text) } }

  var tried: [Payment] { state.withLock { $0.tried.values.sorted { $0.id < $1.id } } }
  var acked: Set<Int64> { state.withLock { $0.acked } }
  var complaints: [String] { state.withLock { $0.complaints } }
}
