import Yams

/// Why a configuration file cannot be used: a stable code, and where.
struct ConfigurationError: Error, Hashable {
  enum Code: String {
    case unreadable = "configuration_unreadable"
    case syntax = "configuration_syntax"
    case unknownKey = "configuration_unknown_key"
    case missingKey = "configuration_missing_key"
    case wrongType = "configuration_wrong_type"
    case outOfRange = "configuration_out_of_range"
    case duplicate = "configuration_duplicate"
    case unknownReference = "configuration_unknown_reference"
  }
  let code: Code
  let file: String
  let line: Int
  let column: Int
  let reason: String

  var failure: CommandFailure {
    CommandFailure(
      .usage, code: code.rawValue, detail: "\(file):\(line):\(column): \(reason)")
  }
}

/// One mapping of a configuration file.
///
/// Reading goes by key; what nobody asked for is an error.
struct ConfigurationNode {
  let file: String
  /// Where it stands in the file, such as `cells[1]`.
  let path: String
  private let node: Node

  /// Parses a whole file of at most one mapping.
  init(yaml: String, file: String) throws(ConfigurationError) {
    self.file = file
    path = ""
    do {
      guard let root = try Yams.compose(yaml: yaml) else {
        throw ConfigurationError(
          code: .missingKey, file: file, line: 1, column: 1, reason: "the file is empty")
      }
      node = root
    } catch let error as ConfigurationError {
      throw error
    } catch let error as YamlError {
      throw Self.error(error, file)
    } catch {
      throw ConfigurationError(
        code: .syntax, file: file, line: 1, column: 1, reason: String(describing: error))
    }
    guard node.mapping != nil else {
      throw self.error(.wrongType, "must be a mapping", at: node)
    }
  }

  private init(_ node: Node, file: String, path: String) {
    self.node = node
    self.file = file
    self.path = path
  }

  /// Refuses keys outside `known`.
  func allow(_ known: Set<String>) throws(ConfigurationError) {
    for (key, _) in node.mapping ?? [:] {
      guard let name = key.string, known.contains(name) else {
        let names = known.sorted().joined(separator: ", ")
        throw error(.unknownKey, "\(key.string ?? "?") is not a key here; known: \(names)", at: key)
      }
    }
  }

  func contains(_ key: String) -> Bool { node.mapping?[key] != nil }

  func string(_ key: String) throws(ConfigurationError) -> String {
    let value = try required(key)
    guard case .scalar(let scalar) = value, !scalar.string.isEmpty else {
      throw error(.wrongType, "\(key) must be a text", at: value)
    }
    return scalar.string
  }

  func string(_ key: String, default fallback: String) throws(ConfigurationError) -> String {
    contains(key) ? try string(key) : fallback
  }

  func integer(
    _ key: String, in range: ClosedRange<Int>, default fallback: Int
  ) throws(ConfigurationError) -> Int {
    guard let value = node.mapping?[key] else { return fallback }
    guard let number = value.int else {
      throw error(.wrongType, "\(key) must be a whole number", at: value)
    }
    guard range.contains(number) else {
      throw error(
        .outOfRange, "\(key) must be \(range.lowerBound) to \(range.upperBound)", at: value)
    }
    return number
  }

  func flag(_ key: String, default fallback: Bool) throws(ConfigurationError) -> Bool {
    guard let value = node.mapping?[key] else { return fallback }
    guard let flag = value.bool else {
      throw error(.wrongType, "\(key) must be true or false", at: value)
    }
    return flag
  }

  func child(_ key: String) throws(ConfigurationError) -> ConfigurationNode? {
    guard let value = node.mapping?[key] else { return nil }
    guard value.mapping != nil else {
      throw error(.wrongType, "\(key) must be a mapping", at: value)
    }
    return ConfigurationNode(value, file: file, path: join(key))
  }

  func requiredChild(_ key: String) throws(ConfigurationError) -> ConfigurationNode {
    guard let child = try child(key) else {
      throw error(.missingKey, "\(key) is missing", at: node)
    }
    return child
  }

  func children(
    _ key: String, count: ClosedRange<Int>
  ) throws(ConfigurationError) -> [ConfigurationNode] {
    let value = try required(key)
    guard let list = value.sequence else {
      throw error(.wrongType, "\(key) must be a list", at: value)
    }
    guard count.contains(list.count) else {
      throw error(
        .outOfRange, "\(key) must have \(count.lowerBound) to \(count.upperBound) entries",
        at: value)
    }
    var children: [ConfigurationNode] = []
    for (index, element) in list.enumerated() {
      guard element.mapping != nil else {
        throw error(.wrongType, "\(key)[\(index)] must be a mapping", at: element)
      }
      children.append(ConfigurationNode(element, file: file, path: "\(join(key))[\(index)]"))
    }
    return children
  }

  func strings(_ key: String) throws(ConfigurationError) -> [String] {
    guard let value = node.mapping?[key] else { return [] }
    guard let list = value.sequence else {
      throw error(.wrongType, "\(key) must be a list", at: value)
    }
    var texts: [String] = []
    for element in list {
      guard case .scalar(let scalar) = element else {
        throw error(.wrongType, "\(key) must be a list of texts", at: element)
      }
      texts.append(scalar.string)
    }
    return texts
  }

  /// An error about a key of this mapping.
  func error(
    _ code: ConfigurationError.Code, _ key: String, _ reason: String
  ) -> ConfigurationError {
    error(code, "\(key) \(reason)", at: node.mapping?[key] ?? node)
  }

  private func required(_ key: String) throws(ConfigurationError) -> Node {
    guard let value = node.mapping?[key] else {
      throw error(.missingKey, "\(key) is missing", at: node)
    }
    return value
  }

  private func join(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  private func error(
    _ code: ConfigurationError.Code, _ reason: String, at node: Node
  ) -> ConfigurationError {
    ConfigurationError(
      code: code, file: file, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1,
      reason: path.isEmpty ? reason : "\(path): \(reason)")
  }

  private static func error(_ error: YamlError, _ file: String) -> ConfigurationError {
    func at(_ mark: Mark, _ reason: String) -> ConfigurationError {
      ConfigurationError(
        code: .syntax, file: file, line: mark.line, column: mark.column, reason: reason)
    }
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return at(mark, problem)
    case .duplicatedKeysInMapping(let duplicates, let context):
      return ConfigurationError(
        code: .duplicate, file: file, line: context.mark.line, column: context.mark.column,
        reason: "the key \(duplicates.joined(separator: ", ")) stands twice")
    case .reader(let problem, let offset, _, let yaml):
      let before = yaml.utf8.prefix(offset ?? 0)
      let line = before.count { $0 == 10 } + 1
      let column = before.reversed().prefix { $0 != 10 }.count + 1
      return ConfigurationError(
        code: .syntax, file: file, line: line, column: column, reason: problem)
    default:
      return ConfigurationError(
        code: .syntax, file: file, line: 1, column: 1, reason: String(describing: error))
    }
  }
}
