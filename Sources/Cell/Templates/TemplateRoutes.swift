import Edge
import Hummingbird
import Storage
import Wire

/// Putting, listing and reading templates.
enum TemplateRoutes {
  static func register(on routes: CellRoutes) {
    let services = routes.services
    routes.api(.put, "/v1/templates/:name/:language", .templatesWrite) { request, context in
      let input = try TemplateInput(
        name: try context.parameter("name"), language: try context.parameter("language"),
        body: try await context.bytes(request))
      let template = try await services.store.write(try context.tenant(), context.origin) { tx in
        try Templates(tx).put(input)
      }
      return try .json(TemplateAnswer(template, warnings: input.warnings))
    }
    routes.api(.get, "/v1/templates", .templatesRead) { request, context in
      let query = try ListQuery(request)
      let after = try query.afterRow()
      let rows = try await services.store.read(try context.tenant(), [.messages]) { snapshot in
        try TemplatesStore(snapshot.file(.messages)).list(after: after, limit: query.limit + 1)
      }
      return try .json(Page(rows, query, key: \.id) { TemplateAnswer($0) })
    }
    routes.api(.get, "/v1/templates/:name/:language", .templatesRead) { _, context in
      let name = try context.parameter("name")
      let language = try context.parameter("language")
      let found = try await services.store.read(try context.tenant(), [.messages]) { snapshot in
        try TemplatesStore(snapshot.file(.messages)).find(name: name, language: language)
      }
      guard let found else { throw Failure(.notFound, "there is no such template") }
      return try .json(TemplateAnswer(found))
    }
  }
}

/// A template as clients see it.
struct TemplateAnswer: Encodable, Sendable {
  let template: Template
  private let warnings: [String]

  init(_ template: Template, warnings: [String] = []) {
    self.template = template
    self.warnings = warnings
  }

  private enum CodingKeys: String, CodingKey {
    case id, name, language, status, reason, category, version, components, warnings
    case parameterFormat = "parameter_format"
    case changedAt = "changed_at"
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(template.id.text(.template), forKey: .id)
    try container.encode(template.name, forKey: .name)
    try container.encode(template.language, forKey: .language)
    try container.encode(template.status.rawValue, forKey: .status)
    if !template.reason.isEmpty { try container.encode(template.reason, forKey: .reason) }
    try container.encode(template.category.name, forKey: .category)
    try container.encode(template.version, forKey: .version)
    try container.encode(template.parameterFormat.rawValue, forKey: .parameterFormat)
    try container.encode(EncodedJSON(try JSONTape(template.components).root), forKey: .components)
    try container.encode(template.changedAt, forKey: .changedAt)
    if !warnings.isEmpty { try container.encode(warnings, forKey: .warnings) }
  }
}
