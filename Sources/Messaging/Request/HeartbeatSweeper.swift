import Synchronization

/// Looks at all links of one messenger every ``MessagingLimits/heartbeatInterval``, from the first
/// link on: asks what is quiet, hangs up what is silent, dials what stays away.
final class HeartbeatSweeper: Sendable {
  private struct State {
    var links: [CallLink] = []
    var isRunning = false
    var isClosed = false
  }

  private let state = Mutex(State())

  func watch(_ link: CallLink) {
    let begins = state.withLock { state in
      guard !state.isClosed else { return false }
      state.links.append(link)
      defer { state.isRunning = true }
      return !state.isRunning
    }
    // It must not keep a messenger alive that nobody has closed.
    if begins { Task { [weak self] in await Self.run { self?.look() ?? false } } }
  }

  func close() {
    state.withLock { state in
      state.isClosed = true
      state.links = []
    }
  }

  private func look() -> Bool {
    let (links, isClosed) = state.withLock { ($0.links, $0.isClosed) }
    let now = ContinuousClock.now
    for link in links { link.look(at: now) }
    return !isClosed
  }

  private static func run(_ look: () -> Bool) async {
    var next = ContinuousClock.now
    while look() {
      // A look that is late is not made up for.
      let interval = MessagingLimits.heartbeatInterval
      next = max(next, .now - interval) + interval
      try? await Task.sleep(until: next, clock: .continuous)
    }
  }
}
