import Platform
import Storage

/// Objects as files under one directory; synced before they are said to be stored.
public struct DirectoryStore: ObjectStore {
  private static let temporarySuffix = ".tmp"

  private let root: String
  private let files: any FileSystem
  private let random: any RandomSource

  public init(root: String, files: any FileSystem, random: any RandomSource) {
    self.root = root
    self.files = files
    self.random = random
  }

  public func put(_ name: String, _ bytes: [UInt8]) async throws(ArchiveError) {
    try await ArchiveThread.run { try write(name, bytes) }
  }

  private func write(_ name: String, _ bytes: [UInt8]) throws {
    let path = try path(name)
    if try files.exists(path) {
      guard try FileTree.bytes(path, files) == bytes else {
        throw ArchiveError.conflict(name: name)
      }
      return
    }
    try makeDirectory(of: path)
    let temporary = "\(path).\(ArchiveHex.encode(random.uint64()))\(Self.temporarySuffix)"
    do {
      try FileTree.write(bytes, to: temporary, files)
      // One process at a time looks and renames: a rename alone would replace another's object.
      let lock = try lock()
      defer { lock.release() }
      if try files.exists(path) {
        try files.remove(temporary)
        guard try FileTree.bytes(path, files) == bytes else {
          throw ArchiveError.conflict(name: name)
        }
        return
      }
      try files.rename(temporary, to: path)
      try files.synchronizeDirectory(Self.parent(path))
    } catch {
      // The failure is the first one's; a leftover is never listed.
      if (try? files.exists(temporary)) == true { try? files.remove(temporary) }
      throw error
    }
  }

  /// Waits, a millisecond at a time, for another process's rename.
  private func lock() throws(FileError) -> any FileLock {
    for _ in 0..<2_000 {
      do throws(FileError) { return try files.lock("\(root)/.lock") } catch {
        guard error.isOwnedByAnother else { throw error }
      }
      Pause.milliseconds(1)
    }
    return try files.lock("\(root)/.lock")
  }

  /// A directory's own name is synced in the one above it, up to the root.
  private func makeDirectory(of path: String) throws(FileError) {
    var missing: [String] = []
    var directory = Self.parent(path)
    while directory.count > root.count, try !files.exists(directory) {
      missing.append(directory)
      directory = Self.parent(directory)
    }
    if try !files.exists(root) { try files.createDirectory(root) }
    for directory in missing.reversed() {
      try files.createDirectory(directory)
      try files.synchronizeDirectory(Self.parent(directory))
    }
  }

  public func get(_ name: String) async throws(ArchiveError) -> [UInt8]? {
    try await ArchiveThread.run {
      let path = try path(name)
      guard try files.exists(path) else { return nil }
      return try FileTree.bytes(path, files)
    }
  }

  public func list(
    _ prefix: String, after: String?
  ) async throws(ArchiveError) -> [StoredObject] {
    try await ArchiveThread.run {
      let whole = prefix.hasSuffix("/") || prefix.isEmpty
      let start = whole ? String(prefix.dropLast(prefix.isEmpty ? 0 : 1)) : Self.parent(prefix)
      var found: [StoredObject] = []
      try collect(start, after, &found)
      return found.filter { $0.name.hasPrefix(prefix) }.sorted { $0.name < $1.name }
    }
  }

  private func collect(
    _ directory: String, _ after: String?, _ found: inout [StoredObject]
  ) throws {
    let path = directory.isEmpty ? root : "\(root)/\(directory)"
    guard try files.exists(path) else { return }
    for entry in try files.list(path)
    where !entry.hasPrefix(".") && !entry.hasSuffix(Self.temporarySuffix) {
      let name = directory.isEmpty ? entry : "\(directory)/\(entry)"
      let file: any File
      do {
        // A directory opens for reading as well, and cannot be listed as what it is not.
        if (try? files.list("\(root)/\(name)")) != nil {
          try collect(name, after, &found)
          continue
        }
        guard after.map({ name > $0 }) ?? true else { continue }
        file = try files.open("\(root)/\(name)", .read)
      } catch let error as FileError {
        // Removed since it was listed.
        guard error.isNotFound else { throw error }
        continue
      }
      defer { file.close() }
      found.append(StoredObject(name: name, bytes: try file.length()))
    }
  }

  public func remove(_ name: String) async throws(ArchiveError) {
    try await ArchiveThread.run {
      let path = try path(name)
      guard try files.exists(path) else { return }
      try files.remove(path)
      try files.synchronizeDirectory(Self.parent(path))
    }
  }

  private func path(_ name: String) throws(ArchiveError) -> String {
    guard !name.isEmpty, !name.hasPrefix("/"), !name.contains("..") else {
      throw .refused("\(name) is not the name of an object")
    }
    return "\(root)/\(name)"
  }

  private static func parent(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "" }
    return String(path[..<slash])
  }
}

/// A short wait of a thread of its own.
enum Pause {
  static func milliseconds(_ count: UInt64) {
    _ = Monitor(()).wait(nanoseconds: count * 1_000_000) { _ in Bool?.none }
  }
}
