/// A template of one WABA in one language.
struct MessageTemplate: Hashable, Sendable {
  struct Key: Hashable, Sendable {
    let wabaID: String
    let name: String
    let language: String
  }

  let id: String
  let key: Key
  var category: String
  var status: String
  var components: JSON
  var parameterFormat: String
  /// Unix seconds.
  var createdAt: Int64 = 0

  /// What `GET /{waba}/message_templates` answers for one.
  var json: JSON {
    [
      "id": JSON(id), "name": JSON(key.name), "language": JSON(key.language),
      "status": JSON(status), "category": JSON(category),
      "parameter_format": JSON(parameterFormat), "components": components,
      "quality_score": ["score": "UNKNOWN", "date": .integer(createdAt)], "rejected_reason": "NONE",
    ]
  }

  /// Parameters that the text of a component wants: the highest `{{n}}`, or the names.
  static func parameterCount(of text: String) -> Int {
    var names: Set<Substring> = []
    var rest = text[...]
    while let open = rest.firstRange(of: "{{") {
      rest = rest[open.upperBound...]
      guard let close = rest.firstRange(of: "}}") else { break }
      names.insert(rest[..<close.lowerBound])
      rest = rest[close.upperBound...]
    }
    return names.count
  }

  /// Refuses a send whose text parameters are not as many as the header and the body want.
  func check(sent: JSON?) throws(GraphError) {
    let sentComponents = sent?.array ?? []
    for component in components.array ?? [] {
      guard let type = component["type"]?.string?.uppercased(), type == "BODY" || type == "HEADER"
      else { continue }
      let given = sentComponents.first { $0["type"]?.string?.uppercased() == type }
      let count = given?["parameters"]?.array?.count ?? 0
      let format = component["format"]?.string?.uppercased() ?? "TEXT"
      let wanted =
        type == "HEADER" && format != "TEXT"
        ? 1 : Self.parameterCount(of: component["text"]?.string ?? "")
      guard count == wanted else {
        throw GraphError(
          132000, 400, "Number of parameters does not match the expected number of params",
          details:
            "\(type.lowercased()): number of localizable_params (\(count)) does not match the"
            + " expected number of params (\(wanted))")
      }
    }
  }

  /// Refuses a send of a template that Meta does not send.
  func checkStatus() throws(GraphError) {
    switch status {
    case "APPROVED": return
    case "PAUSED": throw .injected(132015)
    case "DISABLED": throw .injected(132016)
    default:
      throw GraphError(
        132001, 404, "Template name does not exist in the translation",
        details: "template name (\(key.name)) is \(status) in \(key.language)")
    }
  }
}
