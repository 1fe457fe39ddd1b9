import Wire

/// One of a tenant's SQLite files.
///
/// The raw value stands in the journal and is never reused.
public struct FileKind: Hashable, Sendable, Comparable, RawRepresentable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let sessions = FileKind(rawValue: 0)
  public static let ledger = FileKind(rawValue: 1)
  public static let messages = FileKind(rawValue: 2)
  public static let workflows = FileKind(rawValue: 3)
  /// Webhook parts that wait for their owner; the cell's own store.
  public static let spool = FileKind(rawValue: 4)
  /// The control plane's store.
  public static let platform = FileKind(rawValue: 5)

  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// A captured table: its number stands in the journal and is never reused.
public struct TableDefinition: Hashable, Sendable {
  public let id: UInt16
  public let file: FileKind
  public let name: String

  public init(id: UInt16, file: FileKind, name: String) {
    self.id = id
    self.file = file
    self.name = name
  }
}

/// One step of a file's schema: additive DDL, run once, journaled as its own record.
///
/// Append-only: a step that has shipped is never edited.
public struct SchemaStep: Sendable {
  /// Stable name, such as `ledger-1`.
  public let id: String
  public let file: FileKind
  public let ddl: String
  /// The ``FormatLevel`` that it came with: held back until the ceiling has reached it.
  public let level: UInt32
  /// SHA-256 of the DDL: what a record of this step names, and each opening of a file compares.
  let ddlHash: SHA256Hash

  public init(
    _ id: String, file: FileKind, ddl: String, level: UInt32 = FormatLevel.oldest
  ) {
    self.id = id
    self.file = file
    self.ddl = ddl
    self.level = level
    ddlHash = SHA256Hash.of(Array(ddl.utf8))
  }
}

/// What one bounded context adds to a store.
public struct SchemaPart: Sendable {
  public let tables: [TableDefinition]
  public let steps: [SchemaStep]
  /// The earliest moment at which this context has work to do, looked up through an index; the
  /// transaction's now for work that waits for nothing.
  ///
  /// Run only after a command called ``Transaction/dueMayHaveChanged()``.
  public let nextDue: (@Sendable (Transaction) throws -> Timestamp?)?

  public init(
    tables: [TableDefinition], steps: [SchemaStep],
    nextDue: (@Sendable (Transaction) throws -> Timestamp?)? = nil
  ) {
    self.tables = tables
    self.steps = steps
    self.nextDue = nextDue
  }
}

/// Everything a store's files hold.
public struct StoreSchema: Sendable {
  /// Each file and its name on disk, such as `ledger.sqlite`.
  public let files: [FileKind: String]
  public let parts: [SchemaPart]

  public init(files: [FileKind: String], parts: [SchemaPart]) {
    self.files = files
    self.parts = parts
  }
}
