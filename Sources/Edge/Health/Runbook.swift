/// Where the page of a problem stands.
public enum Runbook {
  /// The page of this code, in the project's tree.
  public static func page(_ code: String) -> String {
    "docs/runbooks/\(code.replacing("_", with: "-")).md"
  }
}
