import Wire

/// Why a tenant whose files come from a restore sends nothing; a fact in the cell's own store.
enum RestoreMark: Hashable, Sendable {
  /// A copy for people to look at: it never sends.
  case fork(since: Timestamp)
  /// Put in place; sends nothing before the restore is released.
  case suspended(restore: String, since: Timestamp)

  static let prefix = "restored/"

  var since: Timestamp {
    switch self {
    case .fork(let since), .suspended(_, let since): since
    }
  }

  var reason: String {
    switch self {
    case .fork: "a fork never sends"
    case .suspended(let restore, _): "restored; sends wait for the release of \(restore)"
    }
  }

  var bytes: [UInt8] {
    switch self {
    case .fork(let since): Array("fork \(since.milliseconds)".utf8)
    case .suspended(let restore, let since):
      Array("suspended \(since.milliseconds) \(restore)".utf8)
    }
  }

  /// A form that this version does not know is the one that is never released by mistake.
  init(bytes: [UInt8]) {
    let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
    let since = Timestamp(milliseconds: words.count > 1 ? Int64(words[1]) ?? 0 : 0)
    if words.count == 3, words[0] == "suspended" {
      self = .suspended(restore: String(words[2]), since: since)
    } else {
      self = .fork(since: since)
    }
  }
}
