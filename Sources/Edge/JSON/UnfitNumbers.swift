import Wire

/// Finds the numbers of a document that no integer of 64 bits can hold.
enum UnfitNumbers {
  /// Names in one answer.
  private static let most = 3

  /// Their paths, such as `rates[1].amount_micros`, the first few.
  static func paths(in root: JSONNode) -> [String] {
    var found: [String] = []
    collect(root, "", &found)
    return found
  }

  /// The document is at most ``JSONTape/Limits/depth`` deep, and so is this recursion.
  private static func collect(_ node: JSONNode, _ path: String, _ found: inout [String]) {
    guard found.count < most else { return }
    switch node.kind {
    case .object:
      for (key, value) in node.members {
        collect(value, path.isEmpty ? key : path + "." + key, &found)
      }
    case .array:
      for (index, element) in node.elements.enumerated() {
        collect(element, "\(path)[\(index)]", &found)
      }
    case .integer where node.integer == nil: found.append(path.isEmpty ? "the body" : path)
    case .number: if !isWhole(node) { found.append(path.isEmpty ? "the body" : path) }
    default: break
    }
  }

  /// Whether a number with fraction or exponent is an integer all the same, such as `5.0`.
  private static func isWhole(_ node: JSONNode) -> Bool {
    node.double.map { Int64(exactly: $0) != nil } ?? false
  }
}
