import Platform

/// Directories of tenants' files, as a chaos mode keeps, copies and throws them away.
enum FileTree {
  private static let files = LiveFileSystem()

  /// A directory of its own for one run.
  static func make(_ name: String) throws -> String {
    let path = "/tmp/aimstors-chaos-\(name)-\(String(LiveRandomSource().uint64(), radix: 16))"
    try files.createDirectory(path)
    return path
  }

  static func remove(_ path: String) {
    if (try? files.remove(path)) != nil { return }
    for name in (try? files.list(path)) ?? [] { remove("\(path)/\(name)") }
    try? files.removeEmptyDirectory(path)
  }

  /// Copies one directory's files; those that SQLite makes anew (`-shm`) stay behind.
  static func copy(_ source: String, to target: String) throws {
    guard try files.exists(source) else { return }
    try files.createDirectory(target)
    for name in try files.list(source) where !name.hasSuffix("-shm") {
      let from = try files.open("\(source)/\(name)", .read)
      defer { from.close() }
      let bytes = try from.bytes(at: 0, count: Int(try from.length()))
      let file = try files.open("\(target)/\(name)", .create)
      defer { file.close() }
      try file.write(bytes, at: 0)
    }
  }
}
