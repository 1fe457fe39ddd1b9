/// What still goes into a message of groups or records: all that fits its bound, or one larger one
/// alone.
///
/// What does not fit is the next message's. So a message has at most its bound (1 MiB everywhere)
/// or ``JournalLimits/writtenGroupBytes``, 3.6 MiB: either leaves more than 400 KiB of a message
/// between processes (4 MiB less 256 bytes) for names, positions and a fence.
public struct MessageRoom: Sendable {
  private let limit: Int
  private var bytes = 0

  public init(_ limit: Int) { self.limit = limit }

  /// Bytes that the next one may have.
  public var left: Int { bytes == 0 ? .max : max(0, limit - bytes) }

  public mutating func take(_ count: Int) { bytes += count }
}
