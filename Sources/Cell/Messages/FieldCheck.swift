import Wire

/// One value of a client's JSON with its path, so that a refusal names the field.
struct FieldCheck {
  let node: JSONNode?
  private let path: Path

  /// Where a value stands: written out only for a refusal, since nearly all values are right.
  private indirect enum Path: CustomStringConvertible {
    case root(String)
    case member(Path, String)
    case element(Path, Int)

    var description: String {
      switch self {
      case .root(let name): name
      case .member(.root(""), let key): key
      case .member(let parent, let key): "\(parent).\(key)"
      case .element(let parent, let index): "\(parent)[\(index)]"
      }
    }
  }

  /// The document itself where `name` is empty, else a value of that name.
  init(_ node: JSONNode?, _ name: String) { self.init(node, .root(name)) }

  private init(_ node: JSONNode?, _ path: Path) {
    self.node = node
    self.path = path
  }

  subscript(key: String) -> FieldCheck { FieldCheck(node?[key], .member(path, key)) }

  /// Present and not null.
  var isPresent: Bool { node.map { !$0.isNull } ?? false }

  func refuse(_ what: String) -> Failure { Failure(.invalidField, "\(path) \(what)") }

  /// Refuses objects that repeat a member, however deep: we would read the first and price it, and
  /// Graph, which is given the bytes, may read the last.
  func requireUniqueMembers() throws(Failure) {
    guard let node else { return }
    switch node.kind {
    case .object:
      var seen: Set<String> = []
      for (key, value) in node.members {
        let member = FieldCheck(value, .member(path, key))
        guard seen.insert(key).inserted else { throw member.refuse("is there twice") }
        try member.requireUniqueMembers()
      }
    case .array:
      for (index, element) in node.elements.enumerated() {
        try FieldCheck(element, .element(path, index)).requireUniqueMembers()
      }
    default: return
    }
  }

  func object() throws(Failure) -> FieldCheck {
    guard isPresent else { throw refuse("is missing") }
    guard node?.kind == .object else { throw refuse("must be an object") }
    return self
  }

  /// The elements of an array of `count` elements.
  func elements(_ count: ClosedRange<Int>) throws(Failure) -> [FieldCheck] {
    guard isPresent, let node else { throw refuse("is missing") }
    guard node.kind == .array else { throw refuse("must be an array") }
    let elements = node.elements.enumerated().map { FieldCheck($1, .element(path, $0)) }
    guard count.contains(elements.count) else {
      throw refuse("must have \(count.lowerBound) to \(count.upperBound) elements")
    }
    return elements
  }

  /// A string of `length` characters.
  @discardableResult
  func text(_ length: ClosedRange<Int>) throws(Failure) -> String {
    guard isPresent else { throw refuse("is missing") }
    guard let text = node?.string else { throw refuse("must be a string") }
    guard length.contains(text.unicodeScalars.count) else {
      throw refuse("must have \(length.lowerBound) to \(length.upperBound) characters")
    }
    return text
  }

  @discardableResult
  func optionalText(_ length: ClosedRange<Int>) throws(Failure) -> String? {
    isPresent ? try text(length) : nil
  }

  func number(_ range: ClosedRange<Double>) throws(Failure) {
    guard isPresent else { throw refuse("is missing") }
    guard let number = node?.double ?? node?.string.flatMap(Double.init) else {
      throw refuse("must be a number")
    }
    guard range.contains(number) else {
      throw refuse("must be between \(range.lowerBound) and \(range.upperBound)")
    }
  }
}
