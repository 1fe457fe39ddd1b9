import Wire

/// A template as a tenant gives it, within Meta's limits.
struct TemplateInput: Hashable, Sendable {
  let name: String
  let language: String
  let category: MessageCategory
  let parameterFormat: ParameterFormat
  /// The array as it was given, in JSON.
  let components: [UInt8]
  /// What Meta would object to although it is within the limits.
  let warnings: [String]

  static let maximumNameLength = 512
  static let maximumComponentBytes = 64 * 1024

  /// Throws `invalid_json` and `invalid_field` naming the field.
  init(name: String, language: String, body: [UInt8]) throws(Failure) {
    guard (1...Self.maximumNameLength).contains(name.utf8.count),
      name.utf8.allSatisfy({ (97...122).contains($0) || (48...57).contains($0) || $0 == 95 })
    else {
      throw Failure(.invalidField, "name: 1 to 512 small letters, digits and _")
    }
    guard Self.isLanguage(language) else {
      throw Failure(.invalidField, "language: a code of Meta's, e.g. en_US")
    }
    let root: JSONNode
    do { root = try JSONTape(body).root } catch {
      throw Failure(.invalidJSON, "the body is not valid JSON")
    }
    guard root.kind == .object else { throw Failure(.invalidField, "the body must be an object") }
    guard let category = root["category"]?.string.flatMap({ MessageCategory(name: $0) }),
      category != .service
    else {
      throw Failure(.invalidField, "category: one of marketing, utility, authentication")
    }
    var format = ParameterFormat.positional
    if let node = root["parameter_format"], !node.isNull {
      guard let named = node.string.flatMap({ ParameterFormat(rawValue: $0.uppercased()) }) else {
        throw Failure(.invalidField, "parameter_format: POSITIONAL or NAMED")
      }
      format = named
    }
    guard let components = root["components"], components.kind == .array else {
      throw Failure(.invalidField, "components: an array")
    }
    guard components.raw.count <= Self.maximumComponentBytes else {
      throw Failure(.invalidField, "components: at most \(Self.maximumComponentBytes) bytes")
    }
    self.name = name
    self.language = language
    self.category = category
    parameterFormat = format
    self.components = Array(components.raw)
    warnings = try TemplateRules(format: format, category: category).check(components)
  }

  /// `en`, `en_US`, `zh_Hant_TW`.
  private static func isLanguage(_ text: String) -> Bool {
    let parts = text.split(separator: "_", omittingEmptySubsequences: false)
    guard (1...3).contains(parts.count), (2...3).contains(parts[0].utf8.count) else {
      return false
    }
    return parts.allSatisfy { part in
      (2...8).contains(part.utf8.count)
        && part.utf8.allSatisfy { byte in
          (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
        }
    }
  }
}
