/// Rules over one file's tables as SQLite has them after all steps.
struct SchemaInspectionStore {
  let connection: Connection

  private struct Column {
    let name: String
    let type: String
    let notNull: Bool
    let key: Int
    let hidden: Int
  }

  func violations(in file: FileSchema) throws -> [String] {
    var found: [String] = []
    let registered = Dictionary(
      file.tables.map { ($0.name, $0.id) }, uniquingKeysWith: { first, _ in first })
    let tables = try connection.rows(
      """
      SELECT name, type, strict FROM pragma_table_list
      WHERE schema = 'main' AND type <> 'view' AND name NOT LIKE 'sqlite_%'
      """
    ) { (name: $0.text(0), type: $0.text(1), strict: $0.int(2) == 1) }
    for table in tables where !EngineSchema.uncaptured.contains(table.name) {
      if table.type != "table" { found.append("\(table.name): is a \(table.type) table") }
      if !table.strict { found.append("\(table.name): is not STRICT") }
      if registered[table.name] == nil { found.append("\(table.name): is not registered") }
      found += try violations(in: table.name)
    }
    let names = Set(tables.map(\.name))
    for name in registered.keys.sorted() where !names.contains(name) {
      found.append("\(name): is registered and does not exist in \(file.name)")
    }
    return found
  }

  private func violations(in table: String) throws -> [String] {
    let columns = try connection.rows(
      "SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?)", .text(table)
    ) {
      Column(
        name: $0.text(0), type: $0.text(1), notNull: $0.int(2) == 1, key: $0.int(3),
        hidden: $0.int(4))
    }
    var found: [String] = []
    let key = columns.filter { $0.key > 0 }
    if key.isEmpty { found.append("\(table): has no primary key") }
    if columns.count > 256 { found.append("\(table): has more than 256 columns") }
    if key.count > 16 { found.append("\(table): has more than 16 key columns") }
    for column in columns {
      if column.key > 0, !column.notNull {
        found.append("\(table).\(column.name): a key column must say NOT NULL")
      }
      if column.hidden != 0 { found.append("\(table).\(column.name): is generated") }
      let isWhole = column.name.hasSuffix("_micros") || column.name.hasSuffix("_at")
      if isWhole, column.type != "INTEGER" {
        found.append("\(table).\(column.name): money and time are INTEGER")
      }
    }
    return found
  }
}
