/// The operating system, or the simulated one, refused a file operation.
public struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was tried.
  public enum Operation: String, Hashable, Sendable, CaseIterable {
    case open, read, write, sync, syncDirectory, truncate, punch, size, rename, remove, list
    case createDirectory, freeBytes, lock
  }

  public let operation: Operation
  public let path: String
  /// The system's error number, such as ENOSPC.
  public let errno: Int32

  public init(_ operation: Operation, _ path: String, errno: Int32) {
    self.operation = operation
    self.path = path
    self.errno = errno
  }

  public var description: String {
    "\(operation.rawValue) of \(path) failed: \(SystemErrors.text(errno)) (\(errno))"
  }

  /// No space left on the device, or over a quota.
  public var isDiskFull: Bool { SystemErrors.diskFull.contains(errno) }

  /// Whether the machine refused for want of something: room, a working disk, memory, descriptors.
  public var mayPass: Bool { SystemErrors.passing.contains(errno) }

  public var isNotFound: Bool { errno == SystemErrors.notFound }

  /// The lock is held: the directory belongs to another process.
  public var isOwnedByAnother: Bool { operation == .lock && errno == SystemErrors.wouldBlock }
}
