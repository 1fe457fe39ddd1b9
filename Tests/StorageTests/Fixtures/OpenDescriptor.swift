#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A second descriptor of a file that this process has open, as a child has between its fork and
/// its exec.
final class OpenDescriptor {
  private static let highest: Int32 = 4_096
  private let number: Int32

  /// Nil where the process does not have `path` open.
  init?(of path: String) {
    var wanted = stat()
    guard stat(path, &wanted) == 0 else { return nil }
    for candidate in 3..<Self.highest {
      var found = stat()
      guard fstat(candidate, &found) == 0, found.st_ino == wanted.st_ino,
        found.st_dev == wanted.st_dev
      else { continue }
      number = dup(candidate)
      return
    }
    return nil
  }

  deinit { close(number) }
}
