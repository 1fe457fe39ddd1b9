import Platform
import Wire

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Files that only their owner may read, renamed into place so that nobody sees half of one.
enum PrivateFile {
  /// The longest file that is read.
  static let maximumBytes = 4 << 20

  static func write(_ bytes: [UInt8], to path: String) throws(CommandFailure) {
    let temporary = path + ".new"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failure("write", temporary) }
    defer { close(descriptor) }
    _ = fchmod(descriptor, 0o600)
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { throw failure("write", temporary) }
      rest = rest.dropFirst(count)
    }
    guard fsync(descriptor) == 0, rename(temporary, path) == 0 else { throw failure("write", path) }
    try syncDirectory(of: path)
  }

  /// Until the directory is synced the name may stand for what was there before.
  static func syncDirectory(of path: String) throws(CommandFailure) {
    let end = path.lastIndex(of: "/")
    let directory = end.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    do throws(FileError) { try LiveFileSystem().synchronizeDirectory(directory) } catch {
      throw CommandFailure(.refused, code: "file_error", detail: "\(error)")
    }
  }

  /// Nil where there is no such file.
  static func read(
    _ path: String, atMost limit: Int = maximumBytes
  ) throws(CommandFailure) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw failure("read", path)
    }
    defer { close(descriptor) }
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      guard count >= 0 else { throw failure("read", path) }
      guard count > 0 else { return content }
      content += buffer[..<count]
      guard content.count <= limit else {
        throw CommandFailure(.refused, code: "file_too_large", detail: "\(path) is too large")
      }
    }
  }

  static func createDirectory(_ path: String) throws(CommandFailure) {
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      made += part + "/"
      guard mkdir(made, 0o700) == 0 || errno == EEXIST else { throw failure("create", made) }
    }
  }

  static func remove(_ path: String) { _ = unlink(path) }

  private static func failure(_ action: String, _ path: String) -> CommandFailure {
    CommandFailure(
      .refused, code: "file_error",
      detail: "cannot \(action) \(path): \(String(cString: strerror(errno)))")
  }
}
