import Platform
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Ends a process that runs a version on trial and that nobody has reached in time: what hangs is
/// left as what ends is.
///
/// On a thread of its own, because nothing else of the version may work. Once an order was answered
/// it ends nothing any more: the control plane watches from there on, and its own absence kills no
/// cell.
final class TrialWatch: Sendable {
  /// As long as the control plane waits for a process that starts again.
  static let seconds: UInt32 = 180

  private let wasReached = Atomic(false)
  private let end: @Sendable () -> Void

  init(end: @escaping @Sendable () -> Void = { _ = kill(getpid(), SIGKILL) }) {
    self.end = end
  }

  /// An order was answered.
  func reached() { wasReached.store(true, ordering: .releasing) }

  func start(seconds: UInt32 = TrialWatch.seconds) {
    _ = OwnThread(name: "trial") { [self] in
      var left = seconds
      while left > 0 { left = sleep(left) }
      runOut()
    }
  }

  /// The time is over.
  func runOut() {
    if !wasReached.load(ordering: .acquiring) { end() }
  }
}
