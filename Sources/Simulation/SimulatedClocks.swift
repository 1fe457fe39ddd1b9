import Platform
import Synchronization

/// A clock that stands still until it is told to go on.
public final class SimulatedWallClock: WallClock {
  private let time: Mutex<Int64>

  /// Starts at 2026-11-23T12:00:00Z unless told otherwise.
  public init(milliseconds: Int64 = 1_795_435_200_000) { time = Mutex(milliseconds) }

  public func milliseconds() -> Int64 { time.withLock { $0 } }
  public func advance(milliseconds: Int64) { time.withLock { $0 += milliseconds } }
}

/// Randomness from a seed (SplitMix64): the same seed gives the same bytes.
public final class SeededRandomSource: RandomSource {
  private let state: Mutex<UInt64>

  public init(seed: UInt64) { state = Mutex(seed) }

  public func bytes(_ count: Int) -> [UInt8] {
    state.withLock { state in
      var result: [UInt8] = []
      result.reserveCapacity(count)
      while result.count < count {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        word ^= word >> 31
        for shift in stride(from: 0, to: 64, by: 8) where result.count < count {
          result.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
        }
      }
      return result
    }
  }

  /// A number from 0 to below `bound`, which is at least 1.
  public func below(_ bound: Int) -> Int { Int(uint64() % UInt64(bound)) }
}
