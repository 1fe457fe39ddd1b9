import Edge
import Platform
import Synchronization
import Wire

/// The room on a cell's disk that moves were promised: for copies that are made here, and for
/// tenants on their way here.
final class MoveRoom: Sendable {
  enum Use: Hashable, Sendable {
    /// Beside the files that the tenant is served from.
    case copy(TenantID)
    /// With the records of what is written meanwhile.
    case arrival(TenantID)

    /// How many times its bytes a use may come to.
    fileprivate var factor: UInt64 {
      switch self {
      case .copy: 1
      case .arrival: 2
      }
    }
  }

  struct Disk: Sendable {
    var free: UInt64
    /// 0 where the file system does not say.
    var total: UInt64
  }

  private let disk: @Sendable () -> Disk
  private let promised = Mutex<[Use: UInt64]>([:])

  init(_ disk: @escaping @Sendable () -> Disk) { self.disk = disk }

  /// The room below a directory.
  convenience init(of directory: String, _ files: any FileSystem) {
    self.init {
      Disk(
        free: (try? files.freeBytes(directory)) ?? 0,
        total: (try? files.totalBytes(directory)) ?? 0)
    }
  }

  /// Whether the disk is as full as somebody is told of it.
  var isShort: Bool {
    let disk = disk()
    return disk.free < disk.total / 100 * (100 - WatchRule.filledPercent)
  }

  /// Promises room for `bytes` until ``giveBack(_:)``; asked again, the same use gets it anew.
  ///
  /// Throws `cellFull`. What others were promised counts as if none of it were written yet.
  func take(_ use: Use, bytes: UInt64) throws(Failure) {
    let free = disk().free
    let isGiven = promised.withLock { promised in
      // Another cell says how many: no number may end this process.
      guard bytes <= free else { return false }
      let others = promised.reduce(into: UInt64(0)) { sum, other in
        if other.key != use { sum += other.value }
      }
      let wanted = bytes * use.factor
      guard free >= others + wanted + use.factor * CellLimits.diskReserveBytes else { return false }
      promised[use] = wanted
      return true
    }
    guard isGiven else {
      throw Failure(.cellFull, "\(bytes) bytes do not fit into \(free) free ones")
    }
  }

  func giveBack(_ use: Use) { promised.withLock { _ = $0.removeValue(forKey: use) } }
}
