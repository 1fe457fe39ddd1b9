/// Some of a disk's files and directories, by their paths.
public enum DiskPaths: Hashable, Sendable, ExpressibleByStringLiteral {
  /// Whose path contains this; all of them where it is empty.
  case containing(String)
  /// A directory, and all that is below it.
  case within(String)
  /// All but a directory and what is below it.
  case outside(String)

  public init(stringLiteral mark: String) { self = .containing(mark) }

  public func contains(_ path: String) -> Bool {
    switch self {
    case .containing(let mark): mark.isEmpty || path.contains(mark)
    case .within(let directory): path == directory || path.hasPrefix(directory + "/")
    case .outside(let directory): path != directory && !path.hasPrefix(directory + "/")
    }
  }
}
