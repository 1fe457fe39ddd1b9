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
  /// How many there are up to each level, the lowest level first.
  private let versions: [(level: UInt32, version: UInt32)]
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
    let levels = schema.parts.flatMap(\.steps).map(\.level)
    version = UInt32(levels.count)
    versions = Set(levels).sorted().map { level in
      (level, UInt32(levels.count { $0 <= level }))
    }
    nextDue = schema.parts.compactMap(\.nextDue)
  }

  /// The version of a store that has every step up to `level`.
  func version(at level: UInt32) -> UInt32 {
    versions.last { $0.level <= level }?.version ?? 0
  }

  /// The level of a store of this version, which an older program may have counted.
  func level(of version: UInt32) -> UInt32 {
    versions.first { $0.version >= version }?.level ?? .max
  }

  func file(_ kind: FileKind) -> FileSchema {
    guard let file = files[kind] else {
      preconditionFailure("file kind \(kind.rawValue) is not in this store's schema")
    }
    return file
  }
}
