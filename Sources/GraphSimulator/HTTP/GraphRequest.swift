/// One request as the routes see it.
struct GraphRequest: Sendable {
  /// GET, POST, PUT or DELETE.
  let method: String
  /// The path's parts, decoded, without the version.
  let path: [String]
  let query: [String: String]
  /// Names in lower case.
  let headers: [String: String]
  let bytes: [UInt8]

  /// The body as JSON; an empty body is an empty object, a form's fields are its members.
  func json() throws(GraphError) -> JSON {
    guard !bytes.isEmpty else { return .object(query.map { JSON.Member($0.key, JSON($0.value)) }) }
    // curl calls JSON a form unless it is told otherwise.
    let isObject = bytes.first { ![32, 9, 10, 13].contains($0) } == UInt8(ascii: "{")
    if !isObject, headers["content-type"]?.hasPrefix("application/x-www-form-urlencoded") == true {
      let fields = QueryText.parse(String(decoding: bytes, as: UTF8.self))
      return .object(fields.map { JSON.Member($0.key, JSON($0.value)) })
    }
    do {
      let body = try JSON(parsing: bytes)
      guard body.members != nil else { throw GraphError.invalidParameter("the body is no object") }
      return body
    } catch let error as JSONSyntaxError {
      throw .invalidParameter("the body is not JSON: \(error)")
    } catch {
      throw .invalidParameter("the body must be an object")
    }
  }
}

/// What a route answers.
struct GraphReply: Sendable {
  enum Body: Sendable {
    case json(JSON)
    case text(String)
    case file(bytes: [UInt8], mimeType: String)
  }
  var status = 200
  var body: Body

  init(_ json: JSON, status: Int = 200) {
    self.status = status
    body = .json(json)
  }

  init(_ body: Body) { self.body = body }

  static let success = GraphReply(["success": true])
}

/// `a=b&c=d`, percent-decoded; the last of equal names wins.
enum QueryText {
  static func parse(_ text: String) -> [String: String] {
    var values: [String: String] = [:]
    for pair in text.split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      values[decode(parts[0])] = parts.count > 1 ? decode(parts[1]) : ""
    }
    return values
  }

  /// Percent-decoding; `+` is a space in queries and forms.
  static func decode(_ text: Substring, plusIsSpace: Bool = true) -> String {
    var output: [UInt8] = []
    let bytes = Array(text.utf8)
    var index = 0
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
        let value = UInt8(String(decoding: bytes[index + 1...index + 2], as: UTF8.self), radix: 16)
      {
        output.append(value)
        index += 3
      } else {
        output.append(plusIsSpace && bytes[index] == UInt8(ascii: "+") ? 32 : bytes[index])
        index += 1
      }
    }
    return String(decoding: output, as: UTF8.self)
  }
}
