/// The edge's limits, in one place.
public enum EdgeLimits {
  /// Largest request body, in bytes: Meta sends up to 3 MB in one webhook.
  public static let requestBytes = 3 * 1024 * 1024
  /// Largest response body that a process may answer through messaging.
  public static let responseBytes = 8 * 1024 * 1024
  /// Items of a list page where the client names no limit.
  public static let defaultPage = 50
  /// Most items that a client may ask for in one page.
  public static let largestPage = 500
  /// Longest cursor accepted, in characters.
  public static let cursorLength = 512
  /// Longest `Idempotency-Key`, in characters.
  public static let idempotencyKeyLength = 255
}
