import Platform
import Wire

/// What the flusher's thread waits for: tenants with a long WAL, an explicit pass, or the end.
final class FlushRequests: Sendable {
  struct Work: Sendable {
    var files: [TenantID: Set<FileKind>] = [:]
    var isClosed = false
  }
  private struct State: Sendable {
    var work = Work()
    var wakes = false
  }

  private let monitor = Monitor(State())

  func request(_ tenant: TenantID, _ files: Set<FileKind>) {
    monitor.withLock { state in
      state.work.files[tenant, default: []].formUnion(files)
      state.wakes = true
    }
    monitor.signal()
  }

  func close() {
    monitor.withLock { state in
      state.work.isClosed = true
      state.wakes = true
    }
    monitor.broadcast()
  }

  /// Waits for a request, at most `nanoseconds`; hands out what there is.
  func next(nanoseconds: UInt64) -> Work {
    let work = monitor.wait(nanoseconds: nanoseconds) { state -> Work? in
      guard state.wakes else { return nil }
      state.wakes = false
      defer { state.work.files = [:] }
      return state.work
    }
    return work ?? Work()
  }
}
