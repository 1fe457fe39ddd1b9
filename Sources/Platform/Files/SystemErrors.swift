#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The error numbers that callers tell apart, so that they import no C library for them.
public enum SystemErrors {
  public static let notFound: Int32 = ENOENT
  public static let exists: Int32 = EEXIST
  public static let io: Int32 = EIO
  public static let noSpace: Int32 = ENOSPC
  public static let wouldBlock: Int32 = EWOULDBLOCK
  public static let addressInUse: Int32 = EADDRINUSE
  public static let invalid: Int32 = EINVAL
  public static let badDescriptor: Int32 = EBADF
  /// The simulated machine lost power, or the simulated process was killed.
  public static let gone: Int32 = ENODEV
  static let diskFull: Set<Int32> = [ENOSPC, EDQUOT]
  /// What another attempt may not meet any more.
  static let passing: Set<Int32> = [ENOSPC, EDQUOT, EIO, ENOMEM, EMFILE, ENFILE, EAGAIN, EINTR]

  static func text(_ number: Int32) -> String {
    guard let text = strerror(number) else { return "unknown error" }
    return String(cString: text)
  }
}
