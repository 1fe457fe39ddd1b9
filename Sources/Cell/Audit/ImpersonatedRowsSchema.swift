import Storage

/// Which messages and ledger transfers an operator made in the tenant's name: a row for each of
/// those, none for the others.
enum ImpersonatedRowsSchema {
  static let part = SchemaPart(
    tables: [
      TableDefinition(id: 130, file: .ledger, name: "impersonated_transfers"),
      TableDefinition(id: 290, file: .messages, name: "impersonated_messages"),
    ],
    steps: [
      SchemaStep(
        "impersonated-transfers-1", file: .ledger,
        ddl: """
          CREATE TABLE impersonated_transfers (
            transfer_id INTEGER NOT NULL PRIMARY KEY,
            session TEXT NOT NULL,
            impersonated_by TEXT NOT NULL
          ) STRICT;
          """),
      SchemaStep(
        "impersonated-messages-1", file: .messages,
        ddl: """
          CREATE TABLE impersonated_messages (
            message_id INTEGER NOT NULL PRIMARY KEY,
            session TEXT NOT NULL,
            impersonated_by TEXT NOT NULL
          ) STRICT;
          """),
    ])
}
