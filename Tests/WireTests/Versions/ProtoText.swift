/// The messages and fields that a `wire.proto` declares.
struct ProtoText {
  struct Field {
    let isRepeated: Bool
    /// Of a map: `map`.
    let type: String
    let name: String
    let number: Int
  }

  let messages: [String: [Field]]

  init(_ text: String) {
    var messages: [String: [Field]] = [:]
    var current: String?
    for line in text.split(whereSeparator: \.isNewline) {
      let code = line.split(separator: "/", maxSplits: 1)[0]
      let words = code.split { " ={};".contains($0) }.map(String.init)
      if words.first == "message", words.count == 2 {
        current = words[1]
        messages[words[1]] = []
      } else if code.first == "}" {
        current = nil
      } else if let current, let number = words.last.flatMap({ Int($0) }), words.count >= 3 {
        let isRepeated = words[0] == "repeated"
        let type = words[0].hasPrefix("map<") ? "map" : isRepeated ? words[1] : words[0]
        messages[current]?.append(
          Field(isRepeated: isRepeated, type: type, name: words[words.count - 2], number: number))
      }
    }
    self.messages = messages
  }

  /// A message with every field set, as proto3 JSON; nested ones to a small depth.
  func sample(_ message: String, depth: Int = 0) -> String {
    let fields = (messages[message] ?? []).compactMap { field -> String? in
      guard let value = value(field, depth) else { return nil }
      return "\"\(Self.camel(field.name))\":\(field.isRepeated ? "[\(value)]" : value)"
    }
    return "{\(fields.joined(separator: ","))}"
  }

  private func value(_ field: Field, _ depth: Int) -> String? {
    switch field.type {
    case "string": "\"\(field.name) \(field.number)\""
    case "bytes": "\"AAECA\(field.number % 10)==\""
    case "bool": "true"
    case "uint64", "int64", "fixed64": "\"\(field.number * 1_000_000_007)\""
    case "uint32", "int32": "\(field.number * 1_003)"
    case "double": "\(field.number).5"
    case "map": "{\"\(field.name)\":\"\(field.number)\"}"
    default: depth < 3 && messages[field.type] != nil ? sample(field.type, depth: depth + 1) : nil
    }
  }

  private static func camel(_ name: String) -> String {
    let parts = name.split(separator: "_")
    return parts.dropFirst().reduce(String(parts[0])) {
      $0 + $1.prefix(1).uppercased() + $1.dropFirst()
    }
  }
}
