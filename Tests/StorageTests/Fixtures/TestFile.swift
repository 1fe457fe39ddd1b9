import Platform
import StorageFixtures
import Wire

@testable import Storage

/// One tenant file outside any engine, with a command's steps by hand.
final class TestFile {
  let file: TenantFile

  init(
    _ directory: String, kind: FileKind = .messages, tenant: TenantID = TenantID(trusted: "t"),
    name: String? = nil, steps: [SchemaStep] = [TestSchema.ledger, TestSchema.messages]
  ) throws {
    let schema = SchemaIndex(TestSchema.store(steps)).file(kind)
    file = try TenantFile(
      path: "\(directory)/\(name ?? schema.name)", tenant: tenant, lineage: Lineage(7),
      schema: schema, level: .max, ceiling: .unlimited, files: LiveFileSystem())
  }

  var connection: Connection { file.connection }

  /// Runs a command in a transaction of its own and answers its changes.
  func command(_ body: (Connection) throws -> Void) throws -> [UInt8] {
    try file.store.begin()
    let mark = file.capture.begin()
    try body(file.connection)
    file.capture.finish(mark)
    let bytes = file.capture.withBytes(since: mark) { Array($0) }
    try commit()
    return bytes
  }

  func commit() throws {
    let digest = file.digest + file.capture.delta
    let seq = file.appliedSeq.next
    try file.advance(to: seq, digest: digest)
    try file.store.commit()
    file.didCommit(at: seq, digest: digest)
    file.capture.clear()
  }

  /// Applies changes as a replay does.
  func apply(_ changes: [UInt8]) throws {
    file.capture.record(false)
    try file.store.begin()
    try changes.withUnsafeBytes {
      try RowChanges.apply(
        $0, to: file.capture, known: SchemaIndex(TestSchema.store()).tableIDs)
    }
    try commit()
    file.capture.record(true)
  }

  func scan() throws -> Digest { try file.capture.scanDigest() }

  func rows(_ sql: StaticString) throws -> [Int64] { try connection.rows(sql) { $0.int64(0) } }
}
