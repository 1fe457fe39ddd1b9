import GraphSimulator

/// `local.json`: what runs on this machine, for people and scripts.
struct LocalDescription {
  static let fileName = "local.json"

  static func path(_ directory: String) -> String { directory + "/" + fileName }

  /// Nil where nothing runs there.
  static func read(_ directory: String) throws(CommandFailure) -> JSON? {
    guard let bytes = try PrivateFile.read(path(directory)) else { return nil }
    guard let json = try? JSON(parsing: bytes) else {
      throw CommandFailure(
        .refused, code: "local_unreadable", detail: "\(path(directory)) is not JSON")
    }
    return json
  }
}
