#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A clock that only rises, for measuring spans; its zero means nothing.
public enum MonotonicTime {
  public static func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
