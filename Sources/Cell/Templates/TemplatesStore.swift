import Storage
import Wire

/// The SQL of templates, over a writing or a reading connection.
struct TemplatesStore {
  private let db: Connection

  init(_ connection: Connection) { db = connection }

  func find(name: String, language: String) throws -> Template? {
    try db.first(
      """
      SELECT t.id, t.name, t.language, t.status, t.reason, t.category, t.version,
        v.parameter_format, v.components, v.at
      FROM templates t JOIN template_versions v ON v.template_id = t.id AND v.version = t.version
      WHERE t.name = ? AND t.language = ?
      """, .text(name), .text(language), transform: Self.template) ?? nil
  }

  func list(after: RowID, limit: Int) throws -> [Template] {
    try db.rows(
      """
      SELECT t.id, t.name, t.language, t.status, t.reason, t.category, t.version,
        v.parameter_format, v.components, v.at
      FROM templates t JOIN template_versions v ON v.template_id = t.id AND v.version = t.version
      WHERE t.id > ? ORDER BY t.id LIMIT ?
      """, .integer(after.rawValue), .int(limit), transform: Self.template
    ).compactMap { $0 }
  }

  /// The category that the tenant asked for in the newest version.
  func askedCategory(_ template: Template) throws -> MessageCategory? {
    try db.first(
      "SELECT category FROM template_versions WHERE template_id = ? AND version = ?",
      .integer(template.id.rawValue), .integer(template.version)
    ) { MessageCategory(rawValue: $0.int64(0)) } ?? nil
  }

  func insert(_ template: Template, asked: MessageCategory) throws {
    try db.run(
      """
      INSERT INTO templates (id, name, language, status, reason, category, version)
      VALUES (?, ?, ?, ?, ?, ?, ?)
      """, .integer(template.id.rawValue), .text(template.name), .text(template.language),
      .text(template.status.rawValue), .text(template.reason),
      .integer(template.category.rawValue), .integer(template.version))
    try insertVersion(template, asked: asked)
  }

  func insertVersion(_ template: Template, asked: MessageCategory) throws {
    try db.run(
      """
      INSERT INTO template_versions
        (template_id, version, category, parameter_format, components, at)
      VALUES (?, ?, ?, ?, ?, ?)
      """, .integer(template.id.rawValue), .integer(template.version), .integer(asked.rawValue),
      .text(template.parameterFormat.rawValue),
      .text(String(decoding: template.components, as: UTF8.self)),
      .integer(template.changedAt.milliseconds))
  }

  func update(_ template: Template) throws {
    try db.run(
      "UPDATE templates SET status = ?, reason = ?, category = ?, version = ? WHERE id = ?",
      .text(template.status.rawValue), .text(template.reason),
      .integer(template.category.rawValue), .integer(template.version),
      .integer(template.id.rawValue))
  }

  private static func template(_ row: Row) -> Template? {
    guard let category = MessageCategory(rawValue: row.int64(5)),
      let format = ParameterFormat(rawValue: row.text(7))
    else { return nil }
    return Template(
      id: RowID(row.int64(0)), name: row.text(1), language: row.text(2),
      status: TemplateStatus(rawValue: row.text(3)), reason: row.text(4), category: category,
      version: row.int64(6), parameterFormat: format, components: Array(row.text(8).utf8),
      changedAt: Timestamp(milliseconds: row.int64(9)))
  }
}
