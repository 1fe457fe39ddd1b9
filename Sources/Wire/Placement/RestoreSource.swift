/// Where a restore takes a tenant's files from.
public enum RestoreSource: String, Sendable, CaseIterable, Codable {
  case archive
  /// A follower's copy, which it stores in the archive for this: as far back as its own journal
  /// reaches.
  case follower
}

/// The point of a restore with where its files come from, as one word: `latest`, `812`, `follower`
/// (what a follower has last), `follower:812`.
public struct SourcedPoint: Hashable, Sendable {
  public let source: RestoreSource
  public let at: String

  public init(source: RestoreSource, at: String) {
    self.source = source
    self.at = at
  }

  public init(_ text: String) {
    let prefix = RestoreSource.follower.rawValue
    if text == prefix {
      self.init(source: .follower, at: "latest")
    } else if text.hasPrefix(prefix + ":") {
      self.init(source: .follower, at: String(text.dropFirst(prefix.count + 1)))
    } else {
      self.init(source: .archive, at: text)
    }
  }

  public var text: String {
    switch source {
    case .archive: at
    case .follower where at == "latest": source.rawValue
    case .follower: "\(source.rawValue):\(at)"
    }
  }
}
