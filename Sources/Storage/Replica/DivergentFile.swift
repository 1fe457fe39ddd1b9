import Platform
import Wire

/// What a replica wrote behind the point where another took over: whole groups, kept beside its
/// journal by ``JournalCut``.
public struct DivergentFile: Sendable {
  static let prefix = "divergent-"
  /// Ends the name of one from which everything was passed on that can be.
  private static let drained = ".drained"

  private let directory: String
  private let files: any FileSystem
  public let name: String

  /// Those of a replica's data directory from which nothing was passed on yet, the oldest first.
  public static func open(
    dataDirectory: String, _ files: any FileSystem
  ) throws -> [DivergentFile] {
    let directory = "\(dataDirectory)/journal"
    guard try files.exists(directory) else { return [] }
    return try files.list(directory)
      .filter { name in
        name.hasPrefix(prefix) && !name.hasSuffix(drained)
          && !name.hasSuffix(JournalNames.temporarySuffix)
      }.sorted()
      .map { DivergentFile(directory: directory, files: files, name: $0) }
  }

  /// Nothing in it is to be passed on any more; it stays for people to read.
  public func markDrained() throws {
    try files.rename("\(directory)/\(name)", to: "\(directory)/\(name)\(Self.drained)")
    try files.synchronizeDirectory(directory)
  }

  /// Reads one file of a tenant's as its records here leave it: their rows, and none from before.
  ///
  /// `scratch` is a directory for it, removed again.
  public func rows<T>(
    of tenant: TenantID, _ kind: FileKind, in schema: StoreSchema, scratch: String,
    _ body: (Connection) throws -> T
  ) throws -> T {
    try FileTree.remove(scratch, files)
    try files.createDirectory(scratch)
    defer { try? FileTree.remove(scratch, files) }
    let index = SchemaIndex(schema)
    guard let part = index.files[kind] else {
      throw StorageError.replay("file kind \(kind.rawValue) is unknown")
    }
    let file = try TenantFile(
      path: "\(scratch)/\(part.name)", tenant: tenant, lineage: Lineage(0), schema: part,
      level: .max, ceiling: .unlimited, files: files)
    defer { file.close() }
    try file.beginReplay()
    try eachRecord { record in
      guard record.identity.tenant == tenant, record.identity.kind == .commands else { return }
      for command in try record.decodedPayload().commands {
        try command.changes.withUnsafeBytes { changes in
          do {
            try RowChanges.apply(changes, to: file.capture, known: index.tableIDs)
          } catch {
            throw StorageError.replay("\(name): \(error)")
          }
        }
      }
    }
    try file.store.commit()
    return try body(file.connection)
  }

  private func eachRecord(_ body: (JournalRecord) throws -> Void) throws {
    let file = try files.open("\(directory)/\(name)", .read)
    defer { file.close() }
    let length = try file.length()
    var offset: UInt64 = 0
    while offset < length {
      let head = try file.bytes(
        at: offset, count: min(GroupFormat.headerLength, Int(length - offset)))
      guard let header = GroupFormat.decodeHeader(head[...]),
        UInt64(header.totalBytes) <= length - offset
      else { throw JournalError.malformed("\(name) holds something else than groups") }
      let group = try DurableGroup(
        decoding: try file.bytes(at: offset, count: header.totalBytes))
      for record in try group.records() { try body(record) }
      offset += UInt64(header.totalBytes)
    }
  }
}
