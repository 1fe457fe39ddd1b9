import CSQLite
import Platform
import Wire

extension StorageEngine {
  /// Attempts of a snapshot whose tenant opened another file meanwhile.
  private static let snapshotAttempts = 5

  /// Copies a tenant's files as of one moment into `directory`, beside its writer.
  ///
  /// COMMITs of the tenant wait only while the read snapshots are taken. Throws `tenantStopped` or
  /// `recovering` where the files lack records, `internalError` where the copy fails. The copies
  /// are not synced. A held tenant's files are copied as they rest.
  public func snapshot(
    _ tenant: TenantID, into directory: String, isHeld: Bool = false
  ) async throws(Failure) -> TenantSnapshot {
    let writer = try writer(tenant)
    let result = await Blocking.run("snapshot") {
      for _ in 1..<Self.snapshotAttempts {
        let copied = try writer.context.running.during(tenant) {
          try self.copy(writer, into: directory, isHeld)
        }
        if let copied { return copied }
      }
      throw Failure(.recovering, "the tenant's files are being made; try again")
    }
    do {
      return try result.get()
    } catch let failure as Failure {
      throw failure
    } catch {
      log.error("a snapshot failed", metadata: ["tenant": "\(tenant)", "error": "\(error)"])
      throw Failure(.internalError, "the snapshot failed: \(error)")
    }
  }

  /// Throws `tenantStopped` where a file that was there is gone: the copy would say that the tenant
  /// has nothing in it.
  private func demandAll(of writer: TenantWriter, but found: Set<FileKind>) throws {
    let absent = writer.schema.files.keys.filter { !found.contains($0) }
    guard !absent.isEmpty else { return }
    let gone = try writer.withCore { core in try absent.sorted().first { try core.isGone($0) } }
    guard let gone else { return }
    throw Failure(
      .tenantStopped, "\(writer.schema.file(gone).name) of \(writer.tenant) is gone")
  }

  /// Nil where a file appeared between the look and the latch.
  private func copy(
    _ writer: TenantWriter, into directory: String, _ isHeld: Bool
  ) throws -> TenantSnapshot? {
    let context = writer.context
    let source = context.directory(writer.tenant)
    try files.createDirectory(directory)
    var connections: [FileKind: Connection] = [:]
    defer { for connection in connections.values { connection.close() } }
    for file in writer.schema.files.values where try files.exists("\(source)/\(file.name)") {
      let connection = try Connection(
        path: "\(source)/\(file.name)", flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
        on: context.configuration.vfs)
      connections[file.kind] = connection
      aim_sqlite_keep_wal(connection.handle)
      try TenantFileStore(connection: connection).configureReader()
    }
    try demandAll(of: writer, but: Set(connections.keys))
    var pause: UInt64 = 0
    let head = try writer.withLatch { () -> TenantHead? in
      let began = MonotonicTime.nanoseconds()
      defer { pause = MonotonicTime.nanoseconds() - began }
      if !isHeld, let problem = writer.problem { throw TenantWriter.refusal(problem) }
      for file in writer.schema.files.values where connections[file.kind] == nil {
        if try files.exists("\(source)/\(file.name)") { return nil }
      }
      for connection in connections.values {
        try TenantFileStore(connection: connection).beginSnapshot()
      }
      return writer.committedHead
    }
    guard let head else { return nil }
    var copied: [TenantSnapshot.File] = []
    for (kind, connection) in connections.sorted(by: { $0.key < $1.key }) {
      let name = writer.schema.file(kind).name
      let store = TenantFileStore(connection: connection)
      // A file whose making was torn holds nothing yet.
      guard try store.isCreated(), let state = try store.state() else { continue }
      let path = "\(directory)/\(name)"
      if try files.exists(path) { try files.remove(path) }
      try FileCopyStore.copy(connection, to: path, on: context.configuration.vfs)
      let file = try files.open(path, .read)
      defer { file.close() }
      copied.append(
        TenantSnapshot.File(
          kind: kind, name: name, appliedSeq: state.appliedSeq, digest: state.digest,
          bytes: try file.length()))
    }
    let mediaDirectory = "\(source)/media"
    let media = try files.exists(mediaDirectory) ? try files.list(mediaDirectory) : []
    return TenantSnapshot(
      tenant: writer.tenant, head: head, files: copied,
      media: media.compactMap { SHA256Hash(hexadecimal: $0) }, pauseNanoseconds: pause)
  }
}

extension SHA256Hash {
  /// From 64 hexadecimal digits; nil otherwise.
  public init?(hexadecimal text: String) {
    guard text.utf8.count == 64 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(32)
    var high: UInt8?
    for digit in text.utf8 {
      let value: UInt8
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
      default: return nil
      }
      if let first = high {
        bytes.append(first << 4 | value)
        high = nil
      } else {
        high = value
      }
    }
    self = bytes.withUnsafeBytes { SHA256Hash(bytes: $0) }
  }
}
