/// Why the directory has a fork as read-only: also how a cell that has lost its own mark tells one.
public enum ForkReason {
  private static let beginning = "fork of "

  public static func text(of parent: TenantID, at point: String, by restore: String) -> String {
    "\(beginning)\(parent) at \(point), by \(restore)"
  }

  public static func isOne(_ reason: String) -> Bool { reason.hasPrefix(beginning) }
}
