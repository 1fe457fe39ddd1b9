#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A value behind a lock, with threads that wait for it to change.
///
/// For own threads only (the journal writer, the storage pool): waiting blocks the thread, so it
/// must never run on Swift's cooperative pool.
public final class Monitor<Value: Sendable>: @unchecked Sendable {
  // Unchecked: the pthread objects have stable addresses and `value` is touched under the mutex.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var value: Value

  public init(_ value: Value) {
    self.value = value
    pthread_mutex_init(mutex, nil)
    #if canImport(Glibc)
      var attributes = pthread_condattr_t()
      pthread_condattr_init(&attributes)
      pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
      pthread_cond_init(condition, &attributes)
      pthread_condattr_destroy(&attributes)
    #else
      pthread_cond_init(condition, nil)
    #endif
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Runs `body` alone.
  public func withLock<T>(_ body: (inout Value) throws -> T) rethrows -> T {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body(&value)
  }

  /// Wakes one waiting thread.
  public func signal() { pthread_cond_signal(condition) }

  /// Wakes all waiting threads.
  public func broadcast() { pthread_cond_broadcast(condition) }

  /// Runs `body` alone, again after each wake-up, until it gives a result.
  public func wait<T>(_ body: (inout Value) throws -> T?) rethrows -> T {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let result = try body(&value) { return result }
      pthread_cond_wait(condition, mutex)
    }
  }

  /// As ``wait(_:)``, for at most `nanoseconds`; nil when the time is over.
  public func wait<T>(nanoseconds: UInt64, _ body: (inout Value) throws -> T?) rethrows -> T? {
    let limit = MonotonicTime.nanoseconds() + nanoseconds
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let result = try body(&value) { return result }
      let now = MonotonicTime.nanoseconds()
      guard now < limit else { return nil }
      #if canImport(Glibc)
        var until = timespec(
          tv_sec: Int(limit / 1_000_000_000), tv_nsec: Int(limit % 1_000_000_000))
        pthread_cond_timedwait(condition, mutex, &until)
      #else
        let rest = limit - now
        var span = timespec(tv_sec: Int(rest / 1_000_000_000), tv_nsec: Int(rest % 1_000_000_000))
        pthread_cond_timedwait_relative_np(condition, mutex, &span)
      #endif
    }
  }
}
