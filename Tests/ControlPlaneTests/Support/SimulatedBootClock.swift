import Platform
import Synchronization

/// Time since boot that stands still until it is told to go on.
final class SimulatedBootClock: BootClock {
  private let time = Mutex<UInt64>(1_000_000_000)
  func nanoseconds() -> UInt64 { time.withLock { $0 } }
  func advance(milliseconds: UInt64) { time.withLock { $0 += milliseconds * 1_000_000 } }
}
