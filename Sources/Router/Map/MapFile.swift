import Platform
import Wire

/// The map on disk, sealed and readable by this process's user only: it holds the Meta apps'
/// secrets.
struct MapFile: Sendable {
  enum Loaded: Sendable {
    case missing
    /// `isDue`: it is to be written anew, since it stood in clear.
    case map(PlacementMap, isDue: Bool)
    /// Damaged, or not readable; says why.
    case unusable(String)
  }

  private static let largest: UInt64 = 4 * 1024 * 1024 * 1024

  let fileSystem: any FileSystem
  let path: String
  /// Nil: in clear, as before there was a seal.
  var seal: MapSeal?

  func load() -> Loaded {
    do {
      guard try fileSystem.exists(path) else { return .missing }
      let file = try fileSystem.open(path, .read)
      defer { file.close() }
      let length = try file.length()
      guard length <= Self.largest else { return .unusable("it is \(length) bytes long") }
      var bytes = try file.bytes(at: 0, count: Int(length))
      let isSealed = MapSeal.isSealed(bytes)
      if isSealed {
        guard let plain = seal?.open(bytes) else {
          return .unusable("it was sealed with another key, or changed")
        }
        bytes = plain
      }
      return .map(try PlacementMap(encoded: bytes), isDue: seal != nil && !isSealed)
    } catch {
      return .unusable("\(error)")
    }
  }

  /// Replaces the file in one step: a crash leaves the old map or the new one.
  func save(_ map: PlacementMap) throws {
    let plain = try map.encoded()
    let bytes = seal?.seal(plain) ?? plain
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
