/// The time of day, as a value: only `aimstors` builds the live one, only tests the fake ones.
public protocol WallClock: Sendable {
  /// Milliseconds since 1970-01-01T00:00:00Z.
  func milliseconds() -> Int64
}

/// Time since boot, suspended time included (CLOCK_BOOTTIME): for limits on holding authority.
public protocol BootClock: Sendable {
  func nanoseconds() -> UInt64
}

/// Where randomness comes from.
public protocol RandomSource: Sendable {
  func bytes(_ count: Int) -> [UInt8]
}

extension RandomSource {
  public func uint64() -> UInt64 {
    bytes(8).reduce(0) { $0 << 8 | UInt64($1) }
  }
}
