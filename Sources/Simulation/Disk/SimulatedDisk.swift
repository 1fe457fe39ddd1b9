import Platform
import Synchronization

/// One machine's disk with its page cache kept apart: what is written is visible at once, and on
/// the disk only after an fsync, or by chance.
///
/// ``kill()`` ends the process: the cache stays. ``losePower(_:)`` ends the machine: of what was
/// not synchronized each 512-byte sector, length and name is kept or lost on its own. Both make
/// every open file unusable; then a new ``fileSystem()`` is the next process's.
public final class SimulatedDisk: Sendable {
  /// A disk writes this many bytes whole or not at all.
  public static let sectorBytes = 512

  /// What becomes of writes that were not synchronized when the power goes.
  public enum Fate: Hashable, Sendable {
    case lost
    case kept
    /// Each sector, length and name on its own, by this seed.
    case mixed(seed: UInt64)
  }

  struct Content: Sendable {
    /// As a process sees it.
    var cache: [UInt8] = []
    /// As the disk has it.
    var disk: [UInt8] = []
    /// Sectors that the next fsync writes.
    var dirty: Set<Int> = []
  }

  struct State: Sendable {
    var contents: [Int: Content] = [:]
    var nextContent = 0
    /// Names as a process sees them, and as the disk has them.
    var names: [String: Int] = [:]
    var diskNames: [String: Int] = [:]
    var directories: Set<String> = ["/", "."]
    /// Changes of names since the last fsync of their directory, in order.
    var pendingNames: [String: [NameChange]] = [:]
    var locks: Set<String> = []
    var incarnation = 0
    /// How often the power has gone.
    var powerLosses = 0
    var freeBytes: UInt64 = .max
    var roomRefusals = 0
    var calls: [FileError.Operation: Int] = [:]
    var faults: [Fault] = []
    var callFault: CallFault?
    var faultsMet: [MetCall: Int] = [:]
    var pathCalls: [String: [FileError.Operation: Int]] = [:]
    /// Every call counts here, for a power loss at the k-th.
    var totalCalls = 0
    var powerLossAt: Int?
    /// The power goes at the next fsync of one of these files.
    var powerLossAtSyncOf: DiskPaths?
  }

  enum NameChange: Hashable, Sendable {
    case set(String, Int)
    case unset(String)
    case move(String, String, Int)
  }

  /// A failure that a call meets.
  public struct Fault: Hashable, Sendable {
    public enum Effect: Hashable, Sendable {
      /// Fails with this error number; nothing happens, but that an fsync drops what it was to
      /// write: another one succeeds, and the disk lacks it.
      case error(Int32)
      /// A write that writes this many bytes, or half of its own where that is less, then fails
      /// with ENOSPC.
      case shortWrite(Int)
    }

    public let operation: FileError.Operation
    /// Which call of this operation, counted from now: 1 is the next one.
    public var call: Int
    /// Whether all later calls fail too.
    public let isPermanent: Bool
    public let effect: Effect

    public init(
      _ operation: FileError.Operation, call: Int, _ effect: Effect, isPermanent: Bool = false
    ) {
      self.operation = operation
      self.call = call
      self.effect = effect
      self.isPermanent = isPermanent
    }
  }

  let state = Mutex(State())

  public init() {}

  /// The files as the process that runs now sees them.
  public func fileSystem() -> any FileSystem {
    SimulatedFileSystem(disk: self, incarnation: state.withLock { $0.incarnation })
  }

  /// Makes a later call fail.
  public func inject(_ fault: Fault) { state.withLock { $0.faults.append(fault) } }

  public func clearFaults() {
    state.withLock { state in
      state.faults = []
      state.callFault = nil
    }
  }

  /// Bytes that new content may still take; writes past it fail with ENOSPC.
  public func limitFreeBytes(_ bytes: UInt64) { state.withLock { $0.freeBytes = bytes } }

  /// How many writes found no room; those that an injected fault ended are not among them.
  public var roomRefusals: Int { state.withLock { $0.roomRefusals } }

  /// After this many more calls of any kind every call fails: the power is gone.
  public func losePower(afterCalls count: Int) {
    state.withLock { $0.powerLossAt = $0.totalCalls + count }
  }

  /// The next fsync of one of these files, and every call after, fails: the power is gone before
  /// what was written is on the disk.
  public func losePower(atSyncOf paths: DiskPaths) {
    state.withLock { $0.powerLossAtSyncOf = paths }
  }

  /// Whether a loss of power asked for beforehand has come.
  public var isPowerLost: Bool {
    state.withLock { state in state.powerLossAt.map { state.totalCalls > $0 } ?? false }
  }

  public var callCount: Int { state.withLock { $0.totalCalls } }

  public func calls(_ operation: FileError.Operation) -> Int {
    state.withLock { $0.calls[operation] ?? 0 }
  }

  /// Ends the process; what it wrote stays in the cache.
  public func kill() {
    state.withLock { state in
      state.incarnation += 1
      state.locks = []
      state.faults = []
      state.callFault = nil
      state.powerLossAt = nil
      state.powerLossAtSyncOf = nil
    }
  }

  /// Ends the machine; what was not synchronized meets `fate`.
  ///
  /// Answers the files that had unsynchronized bytes.
  @discardableResult
  public func losePower(_ fate: Fate) -> [String] {
    kill()
    return state.withLock { state in
      let dirty = state.names.filter { state.contents[$0.value]?.dirty.isEmpty == false }.keys
      state.losePower(fate)
      return dirty.sorted()
    }
  }

  /// The machine's present run.
  var bootID: String { "boot-\(state.withLock { $0.powerLosses })" }

  /// A copy of what processes see, in memory of its own.
  public func copy() -> SimulatedDisk {
    let result = SimulatedDisk()
    var copied = state.withLock { $0 }
    copied.locks = []
    let value = copied
    result.state.withLock { $0 = value }
    return result
  }

  /// A file's bytes as a process sees them; nil where there is none.
  public func bytes(_ path: String) -> [UInt8]? {
    state.withLock { state in state.names[path].flatMap { state.contents[$0]?.cache } }
  }

  /// Replaces a file's bytes in cache and on disk: bit rot, or a hand at work.
  public func replace(_ path: String, _ bytes: [UInt8]) {
    state.withLock { state in
      let id = state.names[path] ?? state.addContent()
      state.contents[id] = Content(cache: bytes, disk: bytes)
      state.names[path] = id
      state.diskNames[path] = id
    }
  }

  /// Changes a file's bytes in cache and on disk.
  public func edit(_ path: String, _ body: (inout [UInt8]) -> Void) {
    guard var bytes = bytes(path) else { return }
    body(&bytes)
    replace(path, bytes)
  }

  public func remove(_ path: String) {
    state.withLock { state in
      state.names[path] = nil
      state.diskNames[path] = nil
    }
  }

  public var paths: [String] { state.withLock { $0.names.keys.sorted() } }
}
