import Platform
import Wire

/// The map on disk, readable by this process's user only: it holds the Meta apps' secrets.
struct MapFile: Sendable {
  enum Loaded: Sendable {
    case missing
    case map(PlacementMap)
    /// Damaged, or not readable; says why.
    case unusable(String)
  }

  private static let largest: UInt64 = 4 * 1024 * 1024 * 1024

  let fileSystem: any FileSystem
  let path: String

  func load() -> Loaded {
    do {
      guard try fileSystem.exists(path) else { return .missing }
      let file = try fileSystem.open(path, .read)
      defer { file.close() }
      let length = try file.length()
      guard length <= Self.largest else { return .unusable("it is \(length) bytes long") }
      return .map(try PlacementMap(encoded: try file.bytes(at: 0, count: Int(length))))
    } catch {
      return .unusable("\(error)")
    }
  }

  /// Replaces the file in one step: a crash leaves the old map or the new one.
  func save(_ map: PlacementMap) throws {
    let bytes = try map.encoded()
    let fresh = path + ".new"
    let file = try fileSystem.open(fresh, .create)
    do {
      try file.write(bytes, at: 0)
      try file.synchronize()
    } catch {
      file.close()
      throw error
    }
    file.close()
    try fileSystem.rename(fresh, to: path)
    try fileSystem.synchronizeDirectory(path.directory)
  }
}

extension String {
  /// What stands before the last slash; `.` where there is none.
  fileprivate var directory: String {
    guard let slash = lastIndex(of: "/") else { return "." }
    return slash == startIndex ? "/" : String(self[..<slash])
  }
}
