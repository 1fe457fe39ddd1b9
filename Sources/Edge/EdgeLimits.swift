/// The edge's limits, in one place.
public enum EdgeLimits {
  /// Largest request body, in bytes: Meta sends up to 3 MB in one webhook.
  public static let requestBytes = 3 * 1024 * 1024
  /// Largest response body that a process may answer through messaging: with its headers it has to
  /// fit in one message.
  public static let responseBytes = 4 * 1024 * 1024 - 32 * 1024
  /// Bytes after which a page of a list ends, whatever its limit; one item is always in it.
  public static let pageBytes = 4_000_000
  /// Items of a list page where the client names no limit.
  public static let defaultPage = 50
  /// Most items that a client may ask for in one page.
  public static let largestPage = 500
  /// Longest cursor accepted, in characters.
  public static let cursorLength = 512
  /// Longest `Idempotency-Key`, in characters.
  public static let idempotencyKeyLength = 255
}
