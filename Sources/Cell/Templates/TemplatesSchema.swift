import Storage

/// The tables of templates: where each stands, and apart from it each version, written once.
enum TemplatesSchema {
  /// What a remembered value of these tables depends on.
  static let tableIDs = part.tables.map(\.id)

  static let part = SchemaPart(
    tables: [
      TableDefinition(id: 220, file: .messages, name: "templates"),
      TableDefinition(id: 221, file: .messages, name: "template_versions"),
    ],
    steps: [
      SchemaStep(
        "templates-1", file: .messages,
        ddl: """
          CREATE TABLE templates (
            id INTEGER NOT NULL PRIMARY KEY,
            name TEXT NOT NULL,
            language TEXT NOT NULL,
            status TEXT NOT NULL,
            reason TEXT NOT NULL,
            category INTEGER NOT NULL,
            version INTEGER NOT NULL CHECK (version > 0),
            UNIQUE (name, language)
          ) STRICT;
          CREATE TABLE template_versions (
            template_id INTEGER NOT NULL REFERENCES templates (id),
            version INTEGER NOT NULL,
            -- What the tenant asked for; what Meta charges it as stands with the template.
            category INTEGER NOT NULL,
            parameter_format TEXT NOT NULL CHECK (parameter_format IN ('POSITIONAL', 'NAMED')),
            components TEXT NOT NULL,
            at INTEGER NOT NULL,
            PRIMARY KEY (template_id, version)
          ) STRICT;
          """)
    ])
}
