/// The text of a template's part, and the parameters in it: `{{1}}` or `{{first_name}}`.
struct TemplateText: Hashable, Sendable {
  let text: String
  /// Names in the order in which they first appear.
  let parameters: [String]
  /// Whether the text starts or ends with a parameter, which Meta refuses (2388299).
  let touchesEdge: Bool

  init(_ text: String) {
    self.text = text
    var names: [String] = []
    var rest = Substring(text)
    while let open = rest.firstRange(of: "{{") {
      rest = rest[open.upperBound...]
      guard let close = rest.firstRange(of: "}}") else { break }
      let name = rest[..<close.lowerBound].drop { $0 == " " }
      let trimmed = String(name.reversed().drop { $0 == " " }.reversed())
      if !names.contains(trimmed) { names.append(trimmed) }
      rest = rest[close.upperBound...]
    }
    parameters = names
    touchesEdge = text.hasPrefix("{{") || text.hasSuffix("}}")
  }

  /// How long it may be, in characters as Meta counts them.
  var length: Int { text.unicodeScalars.count }

  /// Whether the parameters are 1, 2, … in order.
  var isPositional: Bool {
    parameters.enumerated().allSatisfy { index, name in name == String(index + 1) }
  }

  /// Whether the parameters are names: small letters, digits, `_`, a letter first.
  var isNamed: Bool {
    parameters.allSatisfy { name in
      guard let first = name.utf8.first, (97...122).contains(first) else { return false }
      return name.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 95 }
    }
  }
}
