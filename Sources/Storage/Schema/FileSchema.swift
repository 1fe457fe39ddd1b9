import Wire

/// What one store's schema says about one of its files, in the order in which it is applied.
struct FileSchema: Sendable {
  let kind: FileKind
  let name: String
  let tables: [TableDefinition]
  let steps: [SchemaStep]
}

/// A ``StoreSchema`` arranged for look-ups; made once per kind of store.
final class SchemaIndex: Sendable {
  let files: [FileKind: FileSchema]
  /// Every table id of the store, the engine's included.
  let tableIDs: Set<UInt16>
  /// How many steps the store has had: a record of a higher version is from a newer program.
  let version: UInt32
  let nextDue: [@Sendable (Transaction) throws -> Timestamp?]

  init(_ schema: StoreSchema) {
    var files: [FileKind: FileSchema] = [:]
    for (kind, name) in schema.files {
      files[kind] = FileSchema(
        kind: kind, name: name,
        tables: [EngineSchema.idempotency(kind)]
          + schema.parts.flatMap(\.tables).filter { $0.file == kind },
        steps: schema.parts.flatMap(\.steps).filter { $0.file == kind })
    }
    self.files = files
    tableIDs = Set(files.values.flatMap { $0.tables.map(\.id) })
    version = UInt32(schema.parts.reduce(0) { $0 + $1.steps.count })
    nextDue = schema.parts.compactMap(\.nextDue)
  }

  func file(_ kind: FileKind) -> FileSchema {
    guard let file = files[kind] else {
      preconditionFailure("file kind \(kind.rawValue) is not in this store's schema")
    }
    return file
  }
}
