import CSQLite
import Foundation
import Testing

@testable import Cell
@testable import ControlPlane
@testable import Storage

/// Every statement in the program, as SQLite would run it: none looks at all rows of a table that
/// grows, or sorts them, without its reason here.
///
/// SQLite prefers the wrong index without a word: what was due was found by reading and sorting
/// everything that waited, and what changed in the map by looking at every tenant there is.
@Suite("Query plans") struct QueryPlanTests {
  /// Tables whose rows are few by a limit or by what they are: numbers, keys, people, prices,
  /// channels, cells, stops, and what the platform keeps per cell.
  private static let small: Set<String> = [
    "aimstors_steps", "alert_channels", "api_keys", "audit_checkpoints", "balances", "cells",
    "counters", "directives", "facts", "join_tokens", "json_each", "meta_apps", "number_states",
    "numbers", "operator_factors", "operators", "pragma_table_list", "pragma_table_xinfo",
    "price_books", "profile", "registers", "restores", "roles", "security_events", "send_stops",
    "sightings", "spool_chunks", "spool_parts", "sqlite_schema", "tenant_durability", "upgrades",
    "upgrade_processes", "users", "user_credentials", "wallets",
  ]

  /// Statements, by how they begin, that may look at everything.
  private static let allowed: [(start: String, why: String)] = [
    ("SELECT count(*) FROM aimstors_idempotency", "once for each opening of a file"),
    ("SELECT tenant, state, reason, changed_at FROM directory", "a cell's start"),
    ("SELECT id, content FROM mails WHERE sent_at IS NULL", "a new key file"),
    ("UPDATE sessions SET revoked_at = ? WHERE revoked_at IS NULL", "once for each fork"),
    ("SELECT cell, count(*), max(tier = ?1) FROM tenants", "by an index that has all it asks"),
    ("SELECT operator, action, subject, detail, trace_id FROM audit", "after a failed proof"),
    ("SELECT leaf FROM audit_log ORDER BY sequence", "a control plane's start"),
    ("SELECT id, operator, tenant, cell, reason, issued_at", "an operator's page"),
    ("DELETE FROM operator_sessions", "one operator's"),
    ("DELETE FROM known_origins", "one principal's, which are few"),
  ]

  @Test func `no statement looks at all rows of a table that grows`() throws {
    let files = try [CellSchema.schema, CellStoreSchema.schema, PlatformSchema.schema]
      .flatMap(Self.databases)
    defer { for file in files { sqlite3_close_v2(file) } }
    var looked = 0
    for statement in try Statements.all() {
      guard let plan = files.lazy.compactMap({ Plan(statement.sql, in: $0) }).first else {
        Issue.record("no file has the tables of \(statement.sql), \(statement.file)")
        continue
      }
      looked += 1
      let words = statement.sql.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
      if Self.allowed.contains(where: { words.hasPrefix($0.start) }) { continue }
      let scans = plan.scanned.subtracting(Self.small)
      #expect(scans.isEmpty, "\(statement.file) looks at all of \(scans.sorted()): \(words)")
    }
    #expect(looked > 300, "the statements were not found")
  }

  @Test func `what is due and what changed is found by its index, in its order`() throws {
    let tenant = try Self.databases(CellSchema.schema)
    let platform = try Self.databases(PlatformSchema.schema)
    defer { for file in tenant + platform { sqlite3_close_v2(file) } }
    let hot = try Statements.all().filter {
      let words = $0.sql
      return words.contains("s.due") || words.contains("map_version >")
        || words.contains("version > ?1") || words.contains("scheduled_at IS NOT NULL")
    }
    #expect(hot.count >= 7, "\(hot.map(\.file))")
    for statement in hot {
      let plan = try #require(
        (tenant + platform).lazy.compactMap { Plan(statement.sql, in: $0) }.first)
      #expect(!plan.sorts, "\(statement.file) sorts: \(statement.sql)")
      #expect(plan.scanned.subtracting(["json_each"]).isEmpty, "\(statement.sql)")
    }
  }

  /// Asked with each new tenant: the rows themselves are many more pages.
  @Test func `tenants are counted in an index that has all it takes`() throws {
    let platform = try Self.databases(PlatformSchema.schema)
    defer { for file in platform { sqlite3_close_v2(file) } }
    let counts = try Statements.all().filter {
      $0.file.hasSuffix("TenantsStore.swift") && $0.sql.contains("count(*)")
    }
    #expect(counts.count == 2, "\(counts)")
    for statement in counts {
      let plan = try #require(platform.lazy.compactMap { Plan(statement.sql, in: $0) }.first)
      #expect(plan.isCovered && !plan.sorts, "\(statement.sql)")
    }
  }

  /// A database in memory for each file of a store, with all its steps.
  private static func databases(_ schema: StoreSchema) throws -> [OpaquePointer] {
    try SchemaIndex(schema).files.values.map { file in
      var handle: OpaquePointer?
      try #require(sqlite3_open(":memory:", &handle) == SQLITE_OK)
      let database = try #require(handle)
      for ddl in [EngineSchema.ddl] + file.steps.map(\.ddl) {
        try #require(sqlite3_exec(database, ddl, nil, nil, nil) == SQLITE_OK, "\(file.name)")
      }
      return database
    }
  }
}

/// What SQLite says of how it would run a statement.
private struct Plan {
  /// Tables of which it looks at all rows.
  private(set) var scanned: Set<String> = []
  private(set) var sorts = false
  /// Whether it looks into nothing but indexes.
  private(set) var isCovered = true

  /// Nil where the file lacks a table or a column of it.
  init?(_ sql: String, in database: OpaquePointer) {
    guard let lines = Self.ask("EXPLAIN QUERY PLAN " + sql, column: 3, of: database) else {
      return nil
    }
    let names = Self.names(in: sql)
    let partial = Set(
      Self.ask(
        "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql LIKE '% WHERE %'", column: 0,
        of: database) ?? [])
    for line in lines {
      let words = line.split(separator: " ").map(String.init)
      if line.contains("TEMP B-TREE FOR ORDER BY") { sorts = true }
      if !line.contains("USING COVERING INDEX") { isCovered = false }
      guard words.first == "SCAN", words.count > 1, Int(words[1]) == nil,
        // The order of an index with an end to it, such as the newest page of a list.
        !(line.contains("USING") && sql.contains("LIMIT") && !sql.contains("WHERE")),
        // An index of no more than what the statement asks for.
        !words.contains(where: partial.contains)
      else { continue }
      scanned.insert(names[words[1]] ?? words[1])
    }
  }

  /// One column of what a question is answered; nil where the file lacks what it asks for.
  private static func ask(
    _ question: String, column: Int32, of database: OpaquePointer
  ) -> [String]? {
    var prepared: OpaquePointer?
    defer { sqlite3_finalize(prepared) }
    guard sqlite3_prepare_v2(database, question, -1, &prepared, nil) == SQLITE_OK else {
      return nil
    }
    var answers: [String] = []
    while sqlite3_step(prepared) == SQLITE_ROW {
      answers.append(sqlite3_column_text(prepared, column).map { String(cString: $0) } ?? "")
    }
    return answers
  }

  /// Tables by the short names that the statement gives them.
  private static func names(in sql: String) -> [String: String] {
    var names: [String: String] = [:]
    for match in sql.matches(of: /(?:FROM|JOIN)\s+(\w+)\s+(?:AS\s+(\w+)|([a-z]))\b/) {
      names[String(match.2 ?? match.3 ?? "")] = String(match.1)
    }
    return names
  }
}

/// The SQL of the program's stores, out of their source: it stands nowhere else, and is never put
/// together.
private enum Statements {
  static func all() throws -> [(file: String, sql: String)] {
    var root = URL(fileURLWithPath: #filePath)
    for _ in 0..<4 { root.deleteLastPathComponent() }
    let sources = root.appendingPathComponent("Sources")
    let walk = try #require(FileManager.default.enumerator(atPath: sources.path))
    var found: [(file: String, sql: String)] = []
    for case let path as String in walk where path.hasSuffix("Store.swift") {
      let module = path.prefix { $0 != "/" }
      guard ["Alerts", "Cell", "ControlPlane", "Storage"].contains(module) else { continue }
      let text = try String(contentsOf: sources.appendingPathComponent(path), encoding: .utf8)
      for match in text.matches(of: #/"{3}\n((?s:.)*?)"{3}|"((?:[^"\\\n]|\\.)*)"/#) {
        let literal = String(match.1 ?? match.2 ?? "")
          .replacing(/\\\n\s*/, with: "").replacing("\\\"", with: "\"")
          .trimmingCharacters(in: .whitespacesAndNewlines)
        // Another tenant's file is attached while these run; it is a restore's, once.
        if literal.contains("past.") { continue }
        guard literal.contains(/^(SELECT|WITH|UPDATE|DELETE|INSERT)\s/) else { continue }
        found.append((path, literal))
      }
    }
    return found
  }
}
