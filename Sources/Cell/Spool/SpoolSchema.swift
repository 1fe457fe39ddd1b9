import Storage

/// The cell's own store: webhook parts that wait for their owner, and what the control plane told
/// this cell.
///
/// It is the pseudo-tenant `_cell`, journaled like any other.
public enum CellStoreSchema {
  public static let schema = StoreSchema(
    files: [.spool: "spool.sqlite"], parts: [SpoolSchema.part, DirectivesSchema.part])
}

enum SpoolSchema {
  static let part = SchemaPart(
    tables: [
      TableDefinition(id: 500, file: .spool, name: "spool_parts"),
      TableDefinition(id: 504, file: .spool, name: "spool_chunks"),
    ],
    steps: [
      SchemaStep(
        "spool-1", file: .spool,
        ddl: """
          CREATE TABLE spool_parts (
            id INTEGER NOT NULL PRIMARY KEY,
            received_at INTEGER NOT NULL,
            reason TEXT NOT NULL,
            tenant TEXT NOT NULL,
            -- SHA-256 of the content: the same part delivered twice is stored once.
            sha256 BLOB NOT NULL,
            content BLOB NOT NULL
          ) STRICT;
          CREATE UNIQUE INDEX spool_parts_by_content ON spool_parts (sha256);
          """),
      SchemaStep(
        "spool-2", file: .spool,
        ddl: """
          -- The beginning of a content that one command cannot store; its end stands in
          -- spool_parts, and only with that row is the part there.
          CREATE TABLE spool_chunks (
            -- SHA-256 of the whole content.
            sha256 BLOB NOT NULL,
            position INTEGER NOT NULL,
            stored_at INTEGER NOT NULL,
            content BLOB NOT NULL,
            PRIMARY KEY (sha256, position)
          ) STRICT;
          """),
    ])
}
