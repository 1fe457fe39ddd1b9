import Synchronization

/// Looks at the deadlines of all links every few milliseconds while any call is under way, and
/// rests otherwise.
///
/// One sweep over at most 256 slots per peer costs microseconds; a timer per call would cost more
/// than the call.
final class DeadlineSweeper: Sendable {
  private struct State {
    var links: [CallLink] = []
    var isClosed = false
  }

  private let state = Mutex(State())
  private let isRunning = Atomic(false)

  func watch(_ link: CallLink) { state.withLock { $0.links.append(link) } }

  /// Says that a call has been put into a link's table.
  ///
  /// The order matters: first the call, then this; the sweeper goes to rest in the opposite order,
  /// so that one of the two sees the other.
  func callsUnderWay() {
    if isRunning.load(ordering: .sequentiallyConsistent) { return }
    guard !isRunning.exchange(true, ordering: .sequentiallyConsistent) else { return }
    Task { await run() }
  }

  func close() {
    state.withLock { state in
      state.isClosed = true
      state.links = []
    }
  }

  private func run() async {
    while true {
      try? await Task.sleep(for: MessagingLimits.sweepInterval)
      let links = state.withLock { $0.links }
      let now = ContinuousClock.now
      for link in links { link.sweep(at: now) }
      guard !links.contains(where: \.hasCalls) else { continue }
      isRunning.store(false, ordering: .sequentiallyConsistent)
      guard state.withLock({ $0.links }).contains(where: \.hasCalls),
        !isRunning.exchange(true, ordering: .sequentiallyConsistent)
      else { return }
    }
  }
}
