#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The machine's files.
public struct LiveFileSystem: FileSystem {
  public init() {}

  public func open(_ path: String, _ mode: FileMode) throws(FileError) -> any File {
    let flags: Int32 =
      switch mode {
      case .read: O_RDONLY
      case .update: O_RDWR
      case .create: O_RDWR | O_CREAT | O_TRUNC
      case .createNew: O_RDWR | O_CREAT | O_EXCL
      }
    return LiveFile(path: path, descriptor: try descriptor(path, flags | O_CLOEXEC, .open))
  }

  public func createDirectory(_ path: String) throws(FileError) {
    var parent = path[...]
    while parent.count > 1, parent.last == "/" { parent.removeLast() }
    if mkdir(String(parent), 0o700) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let slash = parent.lastIndex(of: "/"), slash != parent.startIndex else {
      throw FileError(.createDirectory, path, errno: errno)
    }
    try createDirectory(String(parent[..<slash]))
    guard mkdir(String(parent), 0o700) == 0 || errno == EEXIST else {
      throw FileError(.createDirectory, path, errno: errno)
    }
  }

  public func list(_ directory: String) throws(FileError) -> [String] {
    guard let stream = opendir(directory) else {
      throw FileError(.list, directory, errno: errno)
    }
    defer { closedir(stream) }
    var names: [String] = []
    errno = 0
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
      errno = 0
    }
    guard errno == 0 else { throw FileError(.list, directory, errno: errno) }
    return names.sorted()
  }

  /// The kernel's own name for it; where there is none, empty.
  public var bootID: String {
    guard let file = fopen("/proc/sys/kernel/random/boot_id", "r") else { return "" }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 64)
    guard fgets(&line, Int32(line.count), file) != nil else { return "" }
    return String(decoding: line.prefix { $0 > 32 }.map(UInt8.init), as: UTF8.self)
  }

  public func exists(_ path: String) throws(FileError) -> Bool {
    if access(path, F_OK) == 0 { return true }
    guard errno == ENOENT || errno == ENOTDIR else { throw FileError(.open, path, errno: errno) }
    return false
  }

  public func rename(_ source: String, to target: String) throws(FileError) {
    #if canImport(Glibc)
      let status = Glibc.rename(source, target)
    #else
      let status = Darwin.rename(source, target)
    #endif
    guard status == 0 else { throw FileError(.rename, source, errno: errno) }
  }

  public func remove(_ path: String) throws(FileError) {
    guard unlink(path) == 0 else { throw FileError(.remove, path, errno: errno) }
  }

  /// Removes a directory that has nothing in it.
  public func removeEmptyDirectory(_ path: String) throws(FileError) {
    guard rmdir(path) == 0 else { throw FileError(.remove, path, errno: errno) }
  }

  public func synchronizeDirectory(_ path: String) throws(FileError) {
    let descriptor = try descriptor(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, .syncDirectory)
    defer { _ = close(descriptor) }
    guard fsync(descriptor) == 0 else { throw FileError(.syncDirectory, path, errno: errno) }
  }

  public func freeBytes(_ path: String) throws(FileError) -> UInt64 {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { throw FileError(.freeBytes, path, errno: errno) }
    return UInt64(status.f_bavail) * UInt64(status.f_frsize)
  }

  public func totalBytes(_ path: String) throws(FileError) -> UInt64 {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { throw FileError(.freeBytes, path, errno: errno) }
    // What only the superuser may write counts as used: nobody else ever gets it.
    let reserved = UInt64(status.f_bfree) - UInt64(status.f_bavail)
    return (UInt64(status.f_blocks) - reserved) * UInt64(status.f_frsize)
  }

  public func lock(_ path: String) throws(FileError) -> any FileLock {
    let descriptor = try descriptor(path, O_RDWR | O_CREAT | O_CLOEXEC, .lock)
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let number = errno
      _ = close(descriptor)
      throw FileError(.lock, path, errno: number)
    }
    return LiveFileLock(descriptor: descriptor)
  }

  private func descriptor(
    _ path: String, _ flags: Int32, _ operation: FileError.Operation
  ) throws(FileError) -> Int32 {
    while true {
      #if canImport(Glibc)
        let descriptor = Glibc.open(path, flags, 0o600)
      #else
        let descriptor = Darwin.open(path, flags, 0o600)
      #endif
      if descriptor >= 0 { return descriptor }
      guard errno == EINTR else { throw FileError(operation, path, errno: errno) }
    }
  }
}
