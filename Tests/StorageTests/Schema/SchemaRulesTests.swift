import StorageFixtures
import Testing
import Wire

@testable import Storage

@Suite("Schema rules") struct SchemaRulesTests {
  /// A store whose one file holds `ddl` and registers table `t`.
  private func violations(_ ddl: String, id: UInt16 = 200) throws -> [String] {
    try SchemaRules.violations(
      of: StoreSchema(
        files: [.messages: "messages.sqlite"],
        parts: [
          SchemaPart(
            tables: [TableDefinition(id: id, file: .messages, name: "t")],
            steps: [SchemaStep("messages-1", file: .messages, ddl: ddl)])
        ]))
  }

  @Test func `a table that keeps them all breaks none`() throws {
    let found = try violations(
      """
      -- DROP and UPDATE in a comment are words, not statements.
      CREATE TABLE t (
        id INTEGER NOT NULL PRIMARY KEY, state TEXT NOT NULL DEFAULT 'DROP' CHECK (state <> ''),
        amount_micros INTEGER NOT NULL, parent INTEGER REFERENCES t (id) ON DELETE CASCADE
      ) STRICT;
      CREATE TRIGGER guard BEFORE UPDATE ON t WHEN NEW.id <> OLD.id
      BEGIN SELECT RAISE(ABORT, 'the key is fixed'); END;
      CREATE VIEW v AS SELECT id FROM t;
      DROP VIEW v;
      CREATE VIEW v AS SELECT id, state FROM t;
      ALTER TABLE t ADD COLUMN label TEXT;
      """)
    #expect(found == [])
  }

  @Test func `the test store's stray table is found, and only that`() throws {
    #expect(try SchemaRules.violations(of: TestSchema.store()) == ["stray: is not registered"])
  }

  @Test func `levels of steps only rise`() throws {
    let late = SchemaStep("messages-2", file: .messages, ddl: "", level: 2)
    let early = SchemaStep("messages-3", file: .messages, ddl: "", level: 1)
    let schema = TestSchema.store([TestSchema.ledger, TestSchema.messages, late, early])
    #expect(
      try SchemaRules.violations(of: schema).contains(
        "step messages-3: its level is below that of the step before"))
  }

  @Test(arguments: [
    ("CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY);", "t: is not STRICT"),
    ("CREATE TABLE t (id INTEGER PRIMARY KEY) STRICT;", "t.id: a key column must say NOT NULL"),
    ("CREATE TABLE t (id INTEGER NOT NULL) STRICT;", "t: has no primary key"),
    (
      "CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, paid_at TEXT) STRICT;",
      "t.paid_at: money and time are INTEGER"
    ),
    (
      "CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT) STRICT;",
      "step messages-1: AUTOINCREMENT writes sqlite_sequence behind the capture"
    ),
    (
      """
      CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, a INTEGER, b INTEGER AS (a + 1) STORED)
      STRICT;
      """, "t.b: is generated"
    ),
    (
      "CREATE TABLE t (id TEXT NOT NULL PRIMARY KEY COLLATE NOCASE) STRICT;",
      "step messages-1: a collation takes different keys for one"
    ),
    (
      "CREATE TABLE t (id ANY NOT NULL PRIMARY KEY) STRICT;",
      "step messages-1: ANY takes different values for one key"
    ),
    (
      """
      CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, a INTEGER UNIQUE ON CONFLICT IGNORE) STRICT;
      """, "step messages-1: a constraint that is broken refuses the statement"
    ),
    (
      """
      CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY,
        p INTEGER REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED) STRICT;
      """, "step messages-1: deferred constraints fail at COMMIT"
    ),
    (
      """
      CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY) STRICT;
      DROP TABLE t;
      CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY) STRICT;
      """, "step messages-1: a step only adds; DROP TABLE T takes away"
    ),
    (
      """
      CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY) STRICT;
      CREATE VIEW w AS SELECT id FROM t;
      DROP VIEW w;
      CREATE VIEW v AS SELECT id FROM t;
      """, "step messages-1: a step only adds; DROP VIEW W takes away"
    ),
    (
      """
      CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY) STRICT;
      CREATE VIEW "v" AS SELECT id FROM t;
      DROP VIEW "v";
      CREATE VIEW "w" AS SELECT id FROM t;
      """, "step messages-1: a step only adds; DROP VIEW '' takes away"
    ),
    (
      """
      CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY) STRICT;
      CREATE TRIGGER w AFTER INSERT ON t BEGIN DELETE FROM t WHERE id < NEW.id; END;
      """, "step messages-1: trigger W writes rows; guard triggers RAISE(ABORT) only"
    ),
    (
      """
      CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY) STRICT;
      INSERT INTO t (id) VALUES (1);
      """, "step messages-1: rows written by a step are not captured"
    ),
    (
      """
      CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY) STRICT;
      ALTER TABLE t ADD COLUMN n INTEGER DEFAULT 7;
      """, "step messages-1: columns are added nullable and without default"
    ),
    (
      """
      CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY) STRICT;
      CREATE TABLE other (id INTEGER NOT NULL PRIMARY KEY) STRICT;
      """, "other: is not registered"
    ),
    (
      "CREATE TABLE u (id INTEGER NOT NULL PRIMARY KEY) STRICT;",
      "t: is registered and does not exist in messages.sqlite"
    ),
  ])
  func `each broken rule is named`(ddl: String, violation: String) throws {
    #expect(try violations(ddl).contains(violation))
  }

  @Test func `the engine's table ids are its own`() throws {
    let found = try violations(
      "CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY) STRICT;", id: 801)
    #expect(found.contains("t: table ids 800–899 are the engine's"))
  }
}
