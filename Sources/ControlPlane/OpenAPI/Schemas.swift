/// The shapes that the document's routes name.
enum Schemas {
  /// A property of an object.
  struct Property: Hashable, Sendable {
    let name: String
    let type: JSONValue
    let isRequired: Bool
  }

  static let all: [JSONValue.Member] =
    (problem + platform + money + campaigns + messages + people + audit)
    .map { JSONValue.Member(name: $0.0, value: $0.1) }

  // MARK: Parts

  static let string: JSONValue = ["type": "string"]
  static let integer: JSONValue = ["type": "integer", "format": "int64"]
  static let boolean: JSONValue = ["type": "boolean"]
  static let time: JSONValue = ["type": "string", "format": "date-time"]
  static let anything: JSONValue = ["type": "object", "additionalProperties": true]
  /// Any JSON value, null too.
  static let json: JSONValue = [:]
  static let strings: JSONValue = ["type": "array", "items": ["type": "string"]]

  static func words(_ words: String...) -> JSONValue {
    ["type": "string", "enum": .array(words.map(JSONValue.string))]
  }

  static func list(of item: JSONValue) -> JSONValue { ["type": "array", "items": item] }

  static func reference(_ name: String) -> JSONValue {
    ["$ref": .string("#/components/schemas/\(name)")]
  }

  static func nullable(_ type: JSONValue) -> JSONValue { ["anyOf": [type, ["type": "null"]]] }

  /// An object; a name that ends in `?` may be missing.
  static func object(_ properties: KeyValuePairs<String, JSONValue>) -> JSONValue {
    var members: [JSONValue.Member] = []
    var required: [JSONValue] = []
    for (name, type) in properties {
      let isOptional = name.hasSuffix("?")
      let bare = isOptional ? String(name.dropLast()) : name
      members.append(.init(name: bare, value: type))
      if !isOptional { required.append(.string(bare)) }
    }
    return ["type": "object", "properties": .object(members), "required": .array(required)]
  }

  private static let problem: KeyValuePairsList = [
    (
      "Problem",
      object([
        "type": string, "title": string, "status": integer, "code": string, "detail": string,
        "trace_id": string,
      ])
    ),
    ("Document", anything),
  ]

  typealias KeyValuePairsList = [(String, JSONValue)]
}
