import CCrashMark
import Platform
import Wire

/// `crashes` in a process's data directory: the ``CrashCounter`` between two starts.
///
/// Written at a start, before tenants are served, and by a release while the process is down or
/// running; a running process does not read it again.
public struct CrashFile {
  /// What a start finds of the run before.
  struct TakenOver {
    var counter = CrashCounter()
    var crashed: [TenantID] = []
    /// Lines of `crashes` that are none.
    var unreadable: [String] = []
    /// What could not be read or written: whoever crashed is quarantined for this run at once.
    var failures: [FileError] = []
  }

  static let mostBytes = 1 << 20

  private let directory: String
  private let files: any FileSystem
  private var path: String { directory + "/crashes" }
  private var runningPath: String { directory + "/running" }

  public init(directory: String, files: any FileSystem) {
    self.directory = directory
    self.files = files
  }

  func read() throws(FileError) -> (counter: CrashCounter, unreadable: [String]) {
    guard let bytes = try bytes(path, most: Self.mostBytes) else { return (CrashCounter(), []) }
    return CrashCounter.read(String(decoding: bytes, as: UTF8.self))
  }

  /// Whom the next start keeps closed; nobody where the file cannot be read, which that start says.
  var quarantined: Set<TenantID> {
    guard let found = try? read() else { return [] }
    return Set(found.counter.quarantined.keys)
  }

  func write(_ counter: CrashCounter) throws(FileError) {
    let fresh = path + ".new"
    let file = try files.open(fresh, .create)
    defer { file.close() }
    try file.write(Array(counter.text.utf8), at: 0)
    try file.synchronize()
    try files.rename(fresh, to: path)
    try files.synchronizeDirectory(directory)
  }

  /// Counts whom the last run crashed with.
  ///
  /// A crash between this and the emptying of `running` counts twice: too early a quarantine, never
  /// a missed one. A disk that is full or fails keeps only those from being served who crashed:
  /// what cannot be written is not counted at the next start, which would be the first again.
  func takeOver(at now: Timestamp, counting counts: (TenantID) -> Bool) -> TakenOver {
    var result = TakenOver()
    do throws(FileError) {
      let found = try read()
      result.counter = found.counter
      result.unreadable = found.unreadable
    } catch { result.failures.append(error) }
    let isRead = result.failures.isEmpty
    do throws(FileError) {
      result.crashed = try crashedTenants().filter(counts)
    } catch { result.failures.append(error) }
    guard !result.crashed.isEmpty else { return result }
    for tenant in result.crashed { result.counter.crashed(tenant, at: now) }
    // Over a file that could not be read it would end the quarantines in it.
    if isRead {
      do throws(FileError) {
        try write(result.counter)
      } catch { result.failures.append(error) }
    }
    guard !result.failures.isEmpty else { return result }
    for tenant in result.crashed { result.counter.quarantine(tenant, at: now) }
    return result
  }

  /// Takes a tenant out of quarantine from the next start on; false where it is in none.
  public func release(_ tenant: TenantID) throws(FileError) -> Bool {
    var counter = try read().counter
    guard counter.release(tenant) else { return false }
    try write(counter)
    return true
  }

  /// Whom the threads worked for that crashed.
  private func crashedTenants() throws(FileError) -> [TenantID] {
    let slotBytes = Int(AIM_CRASH_SLOT_BYTES)
    guard let bytes = try bytes(runningPath, most: MemoryLayout<aim_crash_map>.size) else {
      return []
    }
    var tenants: Set<TenantID> = []
    for start in stride(from: slotBytes, to: bytes.count, by: slotBytes)
    where start + slotBytes <= bytes.count && bytes[start] != 0 {
      let name = bytes[(start + 2)...].prefix(
        min(Int(bytes[start + 1]), Int(AIM_CRASH_NAME)))
      if let tenant = TenantID(String(decoding: name, as: UTF8.self)) { tenants.insert(tenant) }
    }
    return tenants.sorted()
  }

  private func bytes(_ path: String, most: Int) throws(FileError) -> [UInt8]? {
    guard try files.exists(path) else { return nil }
    let file = try files.open(path, .read)
    defer { file.close() }
    return try file.bytes(at: 0, count: min(most, Int(clamping: try file.length())))
  }

  /// Begins this run's own `running`; nil with a reason where it cannot be mapped: then crashes are
  /// not counted, and everything else goes on.
  func begin() -> RunningTenants? { RunningTenants(path: runningPath) }
}

/// Which tenant each of the engine's threads works for, in a mapped file that outlives the process.
public final class RunningTenants: Sendable {
  // Never changed and freed only with its owner; the C side writes to a thread's own slot.
  nonisolated(unsafe) private let map: UnsafeMutablePointer<aim_crash_map>

  fileprivate init?(path: String) {
    guard let map = aim_crash_open(path) else { return nil }
    self.map = map
  }

  deinit { aim_crash_close(map) }

  /// This thread works for `tenant` until ``leave()``: a copy into its slot, no system call.
  func enter(_ tenant: TenantID) {
    var name = tenant.rawValue
    name.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { aim_crash_enter(map, $0.baseAddress, $0.count) }
    }
  }

  func leave() { aim_crash_leave(map) }

  /// Runs `body` for `tenant` on a thread that ends soon, such as `Blocking`'s: its slot is given
  /// back, as there are few.
  public func during<T>(_ tenant: TenantID, _ body: () throws -> T) rethrows -> T {
    enter(tenant)
    defer { end() }
    return try body()
  }

  /// This thread comes no more: its slot is another's.
  func end() { aim_crash_end(map) }

  /// Whom this thread works for; nil: nobody.
  static var current: TenantID? {
    guard let slot = aim_crash_current() else { return nil }
    let name = withUnsafeBytes(of: slot.pointee.name) { bytes in
      String(decoding: bytes.prefix(Int(slot.pointee.length)), as: UTF8.self)
    }
    return TenantID(name)
  }
}

extension RunningTenants? {
  /// The same where crashes are counted; `body` alone where they are not.
  public func during<T>(_ tenant: TenantID, _ body: () throws -> T) rethrows -> T {
    guard let running = self else { return try body() }
    return try running.during(tenant, body)
  }
}
