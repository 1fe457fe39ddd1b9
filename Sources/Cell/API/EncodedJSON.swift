import Wire

/// A parsed JSON value as a part of an answer.
struct EncodedJSON: Encodable, Sendable {
  private let node: JSONNode

  init(_ node: JSONNode) { self.node = node }

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  func encode(to encoder: any Encoder) throws {
    switch node.kind {
    case .object:
      var container = encoder.container(keyedBy: Key.self)
      for (key, value) in node.members {
        try container.encode(EncodedJSON(value), forKey: Key(stringValue: key))
      }
    case .array:
      var container = encoder.unkeyedContainer()
      for element in node.elements { try container.encode(EncodedJSON(element)) }
    case .string:
      var container = encoder.singleValueContainer()
      try container.encode(node.string)
    case .integer, .number:
      var container = encoder.singleValueContainer()
      if let integer = node.integer {
        try container.encode(integer)
      } else {
        try container.encode(node.double)
      }
    case .true, .false:
      var container = encoder.singleValueContainer()
      try container.encode(node.kind == .true)
    case .null:
      var container = encoder.singleValueContainer()
      try container.encodeNil()
    }
  }
}
