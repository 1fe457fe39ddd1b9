import Wire

/// Where a template stands with Meta, in Meta's own words.
struct TemplateStatus: Hashable, Sendable, RawRepresentable {
  let rawValue: String

  static let pending = TemplateStatus(rawValue: "PENDING")
  static let approved = TemplateStatus(rawValue: "APPROVED")

  private static let refused: Set<String> = [
    "REJECTED", "PAUSED", "DISABLED", "PENDING_DELETION", "DELETED", "LIMIT_EXCEEDED", "ARCHIVED",
  ]

  /// Whether a send is worth trying.
  ///
  /// Until Meta has said no it is: Graph has the last word.
  var maySend: Bool { !Self.refused.contains(rawValue) }
}

/// How a template's parameters are addressed.
enum ParameterFormat: String, Sendable { case positional = "POSITIONAL", named = "NAMED" }

/// One template in one language, with its newest version.
struct Template: Hashable, Sendable {
  let id: RowID
  let name: String
  let language: String
  var status: TemplateStatus
  /// Why Meta refused it; empty otherwise.
  var reason: String
  /// What Meta charges it as; may differ from what was asked for.
  var category: MessageCategory
  let version: Int64
  let parameterFormat: ParameterFormat
  /// The array as it was given, in JSON.
  let components: [UInt8]
  /// Of the components; read once, since every send is checked against them.
  let textParameters: TemplateParameters
  let changedAt: Timestamp

  init(
    id: RowID, name: String, language: String, status: TemplateStatus, reason: String,
    category: MessageCategory, version: Int64, parameterFormat: ParameterFormat,
    components: [UInt8], changedAt: Timestamp
  ) {
    self.id = id
    self.name = name
    self.language = language
    self.status = status
    self.reason = reason
    self.category = category
    self.version = version
    self.parameterFormat = parameterFormat
    self.components = components
    textParameters = TemplateParameters(components: components)
    self.changedAt = changedAt
  }
}
