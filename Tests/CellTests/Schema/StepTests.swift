import Storage
import Testing
import Wire

@testable import Cell

/// A file remembers the hash of each step that made it, and a program whose step is another one
/// does not open it: every tenant that there is would stop.
///
/// A new step is added to the known ones before it is released.
@Suite("Schema steps") struct StepTests {
  private static let known = [
    "api-keys-1 dbf96a918f27441a", "campaigns-1 ec1ba45db9363734",
    "campaigns-2 98dab2c94a4912d2", "contacts-1 af61561c93f6ab2c",
    "directives-1 6735ea6737a55776", "ledger-1 cb1049352cf331c1",
    "ledger-2 30a11776e2910396",
    "messages-1 c9c84b8279cfb4b7", "messages-2 a7f554df9f857ea6",
    "messages-3 2eed1abb3f901813", "messages-4 80d1ec7b94aaa826",
    "numbers-1 a013096010e249bc", "prices-1 f2ec88bcb1e780d3",
    "profile-1 faa917f830f5e03f", "spool-1 81870a247f210c25", "spool-2 8d2f9f5df16edba4",
    "templates-1 b9dde4a4a6e489d6", "user-sessions-1 d6ea8293bdfe564b",
    "webhooks-1 02ec9fa5c0e6bf30",
  ]

  /// Every step of level 1.
  ///
  /// No more come here: a step that is new takes a level of its own, the next
  /// ``FormatLevel/newest``, and a place in ``later``. Without one it would be written at once, and
  /// the version before would stop every tenant that has it.
  private static let first: Set<String> = [
    "alert-channels-1", "api-keys-1", "api-keys-2", "audit-1", "campaigns-1", "campaigns-2",
    "contacts-1", "directives-1", "impersonated-messages-1", "impersonated-transfers-1",
    "ledger-1", "messages-1", "messages-2", "messages-3", "numbers-1", "people-1", "people-2",
    "prices-1", "profile-1", "security-events-1", "session-tokens-1", "spool-1", "spool-2",
    "templates-1", "user-sessions-1", "webhooks-1",
  ]
  private static let later: [String: UInt32] = ["ledger-2": 2, "messages-4": 5]

  @Test func `every step has the level that it came with`() {
    for step in [CellSchema.schema, CellStoreSchema.schema].flatMap({ $0.parts.flatMap(\.steps) }) {
      let level = Self.first.contains(step.id) ? FormatLevel.oldest : Self.later[step.id]
      #expect(level == step.level, "\(step.id)")
      #expect(step.level <= FormatLevel.newest, "\(step.id)")
    }
  }

  @Test func `a program does not start where more was written than it reads`() throws {
    try CeilingKeeper.demand(reads: 2, written: 2)
    #expect(throws: Failure.self) { try CeilingKeeper.demand(reads: 1, written: 2) }
  }

  /// Where this fails, a step was edited, perhaps by a value that its text is made of: leave it as
  /// it was and add another one.
  @Test func `no step changes once it is here, and none goes`() {
    let schemas = [CellSchema.schema, CellStoreSchema.schema]
    let steps = schemas.flatMap { $0.parts.flatMap(\.steps) }.map {
      "\($0.id) \(SHA256Hash.of(Array($0.ddl.utf8)).description.prefix(16))"
    }
    for step in Self.known { #expect(steps.contains(step), "\(steps.sorted())") }
  }
}
