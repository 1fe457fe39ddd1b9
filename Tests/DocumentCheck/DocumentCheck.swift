import Wire

/// Compares answers with an OpenAPI document.
///
/// Stricter than JSON Schema: a member that the document does not name is a fault, because a client
/// that was made from the document would not know it.
public struct DocumentCheck: Sendable {
  private let document: JSONNode

  /// Throws where the document is not JSON.
  public init(document: [UInt8]) throws { self.document = try JSONTape(document).root }

  /// Where `answer` differs from what the document says of its route; empty where nowhere.
  public func faults(of answer: DocumentedAnswer) -> [String] {
    let body = try? JSONTape(answer.body).root
    if answer.status >= 400 {
      guard let body else { return ["\(answer.route): a refusal without a problem document"] }
      return faults(body, schema("Problem"), at: "problem")
    }
    guard let operation = operation(answer.method, answer.path) else {
      return ["\(answer.route) is not in the document"]
    }
    guard let response = operation["responses"]?["\(answer.status)"] else {
      return ["\(answer.route): the document knows no \(answer.status)"]
    }
    guard let content = response["content"] else {
      return answer.body.isEmpty ? [] : ["\(answer.route): a body that the document does not know"]
    }
    guard let type = content["application/json"] else { return [] }
    guard let body else { return ["\(answer.route): the body is not JSON"] }
    return faults(body, type["schema"], at: "body").map { "\(answer.route): \($0)" }
  }

  /// The routes of the document, such as `GET /v1/campaigns/{}`.
  public var routes: Set<String> {
    var found: Set<String> = []
    for (path, methods) in document["paths"].map({ Array($0.members) }) ?? [] {
      for (method, _) in methods.members { found.insert(Self.route(method, path)) }
    }
    return found
  }

  /// A route with its parameters unnamed: `:id` and `{key_id}` stand for the same.
  public static func route(_ method: String, _ path: String) -> String {
    let parts = path.split(separator: "/").map { part in
      part.hasPrefix(":") || part.hasPrefix("{") ? "{}" : String(part)
    }
    return "\(method.uppercased()) /\(parts.joined(separator: "/"))"
  }

  // MARK: - Finding

  /// The operation of the path with the fewest parameters that matches.
  private func operation(_ method: String, _ path: String) -> JSONNode? {
    let segments = path.split(separator: "/")
    var best: (parameters: Int, operation: JSONNode)?
    for (pattern, methods) in document["paths"].map({ Array($0.members) }) ?? [] {
      guard let operation = methods[method.lowercased()] else { continue }
      let parts = pattern.split(separator: "/")
      guard parts.count == segments.count,
        zip(parts, segments).allSatisfy({ $0.hasPrefix("{") || $0 == $1 })
      else { continue }
      let parameters = parts.filter { $0.hasPrefix("{") }.count
      if best.map({ parameters < $0.parameters }) ?? true { best = (parameters, operation) }
    }
    return best?.operation
  }

  private func schema(_ name: some StringProtocol) -> JSONNode? {
    document["components"]?["schemas"]?[String(name)]
  }

  // MARK: - Comparing

  private func faults(_ value: JSONNode, _ schema: JSONNode?, at place: String) -> [String] {
    guard let schema else { return ["\(place) has no schema"] }
    if let reference = schema["$ref"]?.string {
      return faults(value, self.schema(reference.split(separator: "/").last ?? ""), at: place)
    }
    if let choices = schema["anyOf"] {
      let tried = choices.elements.map { faults(value, $0, at: place) }
      return tried.contains([]) ? [] : tried.first ?? []
    }
    guard let type = schema["type"]?.string else { return [] }
    switch (type, value.kind) {
    case ("object", .object): return members(of: value, schema, at: place)
    case ("array", .array):
      return value.elements.enumerated().flatMap { index, element in
        faults(element, schema["items"], at: "\(place)[\(index)]")
      }
    case ("string", .string): return text(value.string ?? "", schema, at: place)
    case ("integer", .integer), ("boolean", .true), ("boolean", .false), ("null", .null): return []
    default: return ["\(place) is \(value.kind), the document says \(type)"]
    }
  }

  private func members(of value: JSONNode, _ schema: JSONNode, at place: String) -> [String] {
    var faults: [String] = []
    let others = schema["additionalProperties"]
    for (name, member) in value.members {
      if let known = schema["properties"]?[name] {
        faults += self.faults(member, known, at: "\(place).\(name)")
      } else if let others {
        if others.kind == .object { faults += self.faults(member, others, at: "\(place).\(name)") }
      } else {
        faults.append("\(place).\(name) is not in the document")
      }
    }
    for name in schema["required"].map({ Array($0.elements) }) ?? [] {
      if let name = name.string, value[name] == nil {
        faults.append("\(place).\(name) is missing")
      }
    }
    return faults
  }

  private func text(_ text: String, _ schema: JSONNode, at place: String) -> [String] {
    if let words = schema["enum"], !words.elements.contains(where: { $0.string == text }) {
      return ["\(place) is '\(text)', not one of \(String(decoding: words.raw, as: UTF8.self))"]
    }
    if schema["format"]?.string == "date-time", Timestamp(rfc3339: text) == nil {
      return ["\(place) is '\(text)', not an RFC 3339 time"]
    }
    return []
  }
}

/// One answer, as a client got it.
public struct DocumentedAnswer: Sendable {
  let method: String
  let path: String
  let status: Int
  let body: [UInt8]

  public init(method: String, target: String, status: Int, body: [UInt8]) {
    self.method = method
    path = String(target.prefix { $0 != "?" })
    self.status = status
    self.body = body
  }

  var route: String { "\(method) \(path) → \(status)" }
}
