/// Where a restore takes a tenant's files from.
public enum RestoreSource: String, Sendable, CaseIterable, Codable {
  case archive
  /// A follower's files, which it stores in the archive for this: its last point only.
  case follower

  /// How the point "what a follower has last" is written beside `latest`, numbers and times.
  public static let followersLast = "follower"
}
