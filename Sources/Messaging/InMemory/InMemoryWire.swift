import Synchronization

/// Carries the calls of one peer over an ``InMemoryNetwork``.
final class InMemoryWire: CallWire {
  private struct State {
    weak var link: CallLink?
    /// What runs in each slot; a late outcome of an earlier run is ignored.
    var running: [Int: UInt64] = [:]
    var next: UInt64 = 0
    var isPinging = false
    var isShut = false
  }

  private let network: InMemoryNetwork
  private let owner: String
  private let address: Address
  private let state = Mutex(State())

  init(network: InMemoryNetwork, owner: String, address: Address) {
    self.network = network
    self.owner = owner
    self.address = address
  }

  func attach(_ link: CallLink) { state.withLock { $0.link = link } }

  func dial() {
    guard let link = state.withLock({ $0.link }) else { return }
    if network.reaches(address, from: owner) { link.connected() }
  }

  func start(_ frame: Frame, in slot: Int) {
    let run = state.withLock { state in
      state.next += 1
      state.running[slot] = state.next
      return state.next
    }
    Task {
      guard let outcome = await network.deliver(frame, to: address, from: owner) else { return }
      end(slot, run: run, outcome)
    }
  }

  func abort(_ slot: Int) {
    guard let run = state.withLock({ $0.running[slot] }) else { return }
    end(slot, run: run, .lost(sent: true))
  }

  /// Answered from within: no task that waits for a thread is between, so that a busy test is not
  /// a silent peer.
  func ping() {
    let link = state.withLock { state in
      state.isPinging = true
      return state.link
    }
    link?.pingSent()
    if network.pings(address, from: owner) { endPing(isAnswered: true) }
  }

  func abortPing() { endPing(isAnswered: false) }

  /// Nothing waits behind anything here.
  var sends: UInt64 { 0 }

  func hangUp() { state.withLock { $0.link }?.disconnected() }

  private func endPing(isAnswered: Bool) {
    let link: CallLink? = state.withLock { state in
      defer { state.isPinging = false }
      return state.isPinging && !state.isShut ? state.link : nil
    }
    link?.pingEnded(isAnswered: isAnswered)
  }

  func stop() { state.withLock { $0.isShut = true } }

  func release() {}

  private func end(_ slot: Int, run: UInt64, _ outcome: CallOutcome) {
    let link: CallLink? = state.withLock { state in
      guard !state.isShut, state.running[slot] == run else { return nil }
      state.running[slot] = nil
      return state.link
    }
    link?.finished(slot, outcome)
  }
}
