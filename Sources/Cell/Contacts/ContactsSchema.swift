import Storage

/// The tables of contacts.
///
/// Consent and tags stand apart: most contacts have neither.
enum ContactsSchema {
  static let part = SchemaPart(
    tables: [
      TableDefinition(id: 210, file: .messages, name: "contacts"),
      TableDefinition(id: 211, file: .messages, name: "contact_consents"),
      TableDefinition(id: 212, file: .messages, name: "contact_tags"),
    ],
    steps: [
      SchemaStep(
        "contacts-1", file: .messages,
        ddl: """
          CREATE TABLE contacts (
            id INTEGER NOT NULL PRIMARY KEY,
            wa_id TEXT UNIQUE,
            user_id TEXT UNIQUE,
            name TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            merged_into INTEGER REFERENCES contacts (id),
            CHECK ((merged_into IS NULL) = (wa_id IS NOT NULL OR user_id IS NOT NULL))
          ) STRICT;
          CREATE TABLE contact_consents (
            contact_id INTEGER NOT NULL PRIMARY KEY REFERENCES contacts (id),
            opted_out INTEGER NOT NULL CHECK (opted_out IN (0, 1)),
            at INTEGER NOT NULL
          ) STRICT;
          CREATE TABLE contact_tags (
            contact_id INTEGER NOT NULL REFERENCES contacts (id),
            tag TEXT NOT NULL,
            PRIMARY KEY (contact_id, tag)
          ) STRICT;
          CREATE INDEX contact_tags_by_tag ON contact_tags (tag);
          """)
    ])
}
