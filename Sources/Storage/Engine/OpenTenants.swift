import CSQLite
import Platform
import Synchronization
import Wire

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Which tenants have open files, by last use; the least recently used gives way at the limit, and
/// who was not used for a while gives its memory back.
final class OpenTenants: Sendable {
  private struct Entry {
    let writer: TenantWriter
    var used: UInt64
    /// As of the last look for idle ones, or the start, in milliseconds: no use asks a clock.
    var usedAt: Int64
  }
  private struct State {
    var entries: [ObjectIdentifier: Entry] = [:]
    var clock: UInt64 = 0
    var lastLook: Int64
    /// Closed for idleness since memory was last returned to the system.
    var closedSinceTrim = 0
    /// Looks in a row that closed nobody.
    var quietLooks = 0
  }

  /// Idle tenants closed in one look: each costs a millisecond or two of one thread.
  static let closedPerLook = 64
  /// Tenants closed before their memory is returned, at least: the allocator looks through all that
  /// the process has, however little it finds.
  static let closedForReturn = 64
  /// Looks without a closing after which fewer are enough: the last ones of a crowd, which would
  /// otherwise keep a hundred megabytes of a cell that rests.
  static let quietForReturn = 20

  let limit: Int
  private let state: Mutex<State>

  /// `now`: in milliseconds; whoever is used before the first look was used then.
  init(limit: Int, now: Int64) {
    self.limit = max(1, limit)
    state = Mutex(State(lastLook: now))
  }

  /// min(1,000, descriptors / 20): a tenant with all files and readers open has about 20.
  static func limit(descriptors: Int) -> Int { max(8, min(1_000, descriptors / 20)) }

  /// How many descriptors this process may have, after it has asked for as many as it may ask for:
  /// the 1,024 that a shell or a service gives are enough for 51 tenants.
  static func descriptors() -> Int {
    #if canImport(Glibc)
      let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
      let resource = RLIMIT_NOFILE
    #endif
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0 else { return 1_024 }
    var raised = limit
    raised.rlim_cur = min(limit.rlim_max, 1 << 20)
    if raised.rlim_cur > limit.rlim_cur, setrlimit(resource, &raised) == 0 { limit = raised }
    return Int(min(limit.rlim_cur, 1 << 20))
  }

  var count: Int { state.withLock { $0.entries.count } }
  var tenants: Set<TenantID> {
    state.withLock { Set($0.entries.values.lazy.map(\.writer.tenant)) }
  }

  /// Notes a use, and makes room where this opened one too many.
  func used(_ writer: TenantWriter) {
    let (victims, excess) = state.withLock { state -> ([TenantWriter], Int) in
      state.clock += 1
      let id = ObjectIdentifier(writer)
      let isNew = state.entries[id] == nil
      state.entries[id] = Entry(writer: writer, used: state.clock, usedAt: state.lastLook)
      // Those that were busy then are tried again now and then.
      guard isNew || state.clock % 16 == 0, state.entries.count > limit else { return ([], 0) }
      return (candidates(state, except: id), state.entries.count - limit)
    }
    var excessLeft = excess
    for victim in victims where excessLeft > 0 {
      if close(victim) { excessLeft -= 1 }
    }
  }

  /// Closes tenants that were not used for `milliseconds`, a bounded number at a time.
  ///
  /// An open tenant costs more than a megabyte: page caches, statements and parsed schemas of all
  /// its connections. Memory goes back to the system when most tenants are closed: that holds up
  /// whoever allocates meanwhile, and should find few.
  func closeIdle(_ milliseconds: Int64, now: Int64) {
    let idle = state.withLock { state in
      state.lastLook = now
      return state.entries.values.filter { now - $0.usedAt >= milliseconds }
    }
    // Who cannot be closed, busy or stopped, takes nobody's turn.
    var closed = 0
    for entry in idle where closed < Self.closedPerLook {
      if close(entry.writer) { closed += 1 }
    }
    let isTrimDue = state.withLock { state in
      state.closedSinceTrim += closed
      state.quietLooks = closed == 0 ? state.quietLooks + 1 : 0
      guard closed < Self.closedPerLook,
        Self.returnsMemory(
          closed: state.closedSinceTrim, open: state.entries.count, quiet: state.quietLooks)
      else { return false }
      state.closedSinceTrim = 0
      return true
    }
    if isTrimDue { aim_sqlite_return_memory() }
  }

  /// Whether it is worth while: most are closed, and they were many, or no more come.
  static func returnsMemory(closed: Int, open: Int, quiet: Int) -> Bool {
    closed > max(open, quiet < quietForReturn ? closedForReturn : 0)
  }

  private func close(_ victim: TenantWriter) -> Bool {
    let id = ObjectIdentifier(victim)
    // Out first: a run that begins right after the closing enters it again.
    guard let entry = state.withLock({ $0.entries.removeValue(forKey: id) }) else { return false }
    if victim.evict() { return true }
    state.withLock { if $0.entries[id] == nil { $0.entries[id] = entry } }
    return false
  }

  /// A few of the longest unused: the first may be busy.
  private func candidates(_ state: State, except id: ObjectIdentifier) -> [TenantWriter] {
    var oldest: [Entry] = []
    for (key, entry) in state.entries where key != id {
      if oldest.count < 8 {
        oldest.append(entry)
        oldest.sort { $0.used < $1.used }
      } else if entry.used < oldest[7].used {
        oldest[7] = entry
        oldest.sort { $0.used < $1.used }
      }
    }
    return oldest.map(\.writer)
  }

  /// Forgets everybody; at the end.
  func removeAll() -> [TenantWriter] {
    state.withLock { state in
      defer { state.entries = [:] }
      return state.entries.values.map(\.writer)
    }
  }
}
