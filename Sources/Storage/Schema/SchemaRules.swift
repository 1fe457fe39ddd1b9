import CSQLite
import Wire

/// What every table of a store must keep so that it can be captured, replayed and digested.
///
/// Checked by a test over each store's real schema.
public enum SchemaRules {
  /// Applies all steps in memory and answers what breaks a rule, one sentence each; empty: none.
  public static func violations(of schema: StoreSchema) throws -> [String] {
    let index = SchemaIndex(schema)
    var found = duplicates(schema)
    for step in schema.parts.flatMap(\.steps) {
      guard index.files[step.file] != nil else {
        found.append("step \(step.id): its file is not in the store")
        continue
      }
      found += violations(of: step)
    }
    for kind in index.files.keys.sorted() {
      let file = index.file(kind)
      let connection = try Connection(
        path: ":memory:", flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX)
      defer { connection.close() }
      for step in file.steps { try connection.execute(step.ddl) }
      try connection.execute(EngineSchema.ddl)
      found += try SchemaInspectionStore(connection: connection).violations(in: file)
    }
    return found
  }

  private static func duplicates(_ schema: StoreSchema) -> [String] {
    var found: [String] = []
    var ids: Set<UInt16> = []
    var steps: Set<String> = []
    for table in schema.parts.flatMap(\.tables) {
      if !ids.insert(table.id).inserted { found.append("table id \(table.id) is used twice") }
      if (800..<900).contains(table.id) {
        found.append("\(table.name): table ids 800–899 are the engine's")
      }
      if schema.files[table.file] == nil {
        found.append("\(table.name): its file is not in the store")
      }
    }
    for step in schema.parts.flatMap(\.steps) where !steps.insert(step.id).inserted {
      found.append("step \(step.id) is there twice")
    }
    for part in schema.parts {
      for (step, next) in zip(part.steps, part.steps.dropFirst()) where next.level < step.level {
        found.append("step \(next.id): its level is below that of the step before")
      }
    }
    return found
  }

  /// Rules over the text of one step: it only adds.
  private static func violations(of step: SchemaStep) -> [String] {
    let words = SchemaWords(step.ddl)
    var found: [String] = []
    func check(_ phrase: [String], _ rule: String) {
      if words.contains(phrase) { found.append("step \(step.id): \(rule)") }
    }
    found += words.unreplacedDrops.map {
      "step \(step.id): a step only adds; DROP \($0) takes away"
    }
    check(["RENAME"], "a step only adds; RENAME breaks records")
    check(["AUTOINCREMENT"], "AUTOINCREMENT writes sqlite_sequence behind the capture")
    check(["GENERATED"], "generated columns cannot be replayed")
    check(["DEFERRABLE"], "deferred constraints fail at COMMIT")
    check(["VIRTUAL"], "virtual tables write shadow tables")
    check(["ROLLBACK"], "ROLLBACK in a constraint or RAISE ends the whole batch")
    check(["RAISE", "(", "FAIL"], "a guard raises ABORT only")
    check(["RAISE", "(", "IGNORE"], "a guard raises ABORT only")
    // A replay takes two keys for one where their bytes are one, and a row that meets another one
    // for refused: so must SQLite.
    check(["COLLATE"], "a collation takes different keys for one")
    check(["ANY"], "ANY takes different values for one key")
    check(["ON", "CONFLICT"], "a constraint that is broken refuses the statement")
    check(["PRAGMA"], "pragmas are the engine's")
    found += words.writingTriggers.map {
      "step \(step.id): trigger \($0) writes rows; guard triggers RAISE(ABORT) only"
    }
    if words.writesOutsideTriggers {
      found.append("step \(step.id): rows written by a step are not captured")
    }
    for column in words.addedColumns where column.contains("NOT") || column.contains("DEFAULT") {
      found.append("step \(step.id): columns are added nullable and without default")
    }
    return found
  }
}
