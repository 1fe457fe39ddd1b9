import COpenSSL
import Storage
import SwiftProtobuf
import Wire

/// Keeps authentic webhook parts whose owner cannot take them now, until the control plane delivers
/// and removes them.
///
/// Storing and removing are idempotent. A part larger than a chunk is stored by several commands,
/// and is there only with the last: what is acknowledged is whole.
struct Spool: Sendable {
  /// The most bytes of parts that one page carries; a page always carries at least one part.
  static let pageBytes = 2 << 20
  /// The most parts that one page carries, whatever was asked.
  static let pageLimit = 200
  /// The most bytes of a part that one command stores.
  static let chunkBytes = 1_000_000
  /// How long chunks wait for the end of their part.
  static let abandonedSeconds: Int64 = 86_400
  /// How often a part is stored anew whose chunks were removed meanwhile.
  static let attempts = 3

  let store: any TenantStore

  /// Stores a part; what still waits after `deadline` is not stored, and is refused.
  func accept(
    _ part: Aimstors_ProtoSpoolPart, trace: String, deadline: ContinuousClock.Instant? = nil
  ) async throws(Failure) -> String {
    let content = try serialized(Self.identity(of: part))
    let digest = Self.sha256(content)
    let origin = CommandOrigin(
      requestID: "", traceID: trace, deadline: deadline,
      bytes: CommandOrigin.ownBytes + min(content.count, Self.chunkBytes))
    for _ in 0..<Self.attempts {
      let (known, end) = try await storeChunks(content, digest, origin)
      if let known { return known.text(.quarantine) }
      let stored = try await store.write(.cellStore, origin) { transaction -> RowID? in
        let rows = try SpoolStore(transaction)
        if let known = try rows.id(of: digest) { return known }
        // The same part, delivered twice and removed in between, may have taken its chunks along.
        guard try end.startIndex == 0 || Self.sha256(rows.chunks(digest) + end) == digest else {
          try rows.removeChunks(digest)
          return nil
        }
        let id = transaction.freshID()
        try rows.insert(
          SpooledPart(
            id: id, receivedAt: Timestamp(milliseconds: part.receivedAtMs), reason: part.reason,
            tenant: part.part.tenant, sha256: digest, content: Array(end)))
        return id
      }
      if let stored { return stored.text(.quarantine) }
    }
    throw Failure(
      .overloaded, "the part was removed while it was stored", retryAfterMilliseconds: 1_000)
  }

  /// Stores everything but the end of a content, each chunk by a command of its own; answers that
  /// end, and the part where all of it is there already.
  private func storeChunks(
    _ content: [UInt8], _ digest: [UInt8], _ origin: CommandOrigin
  ) async throws(Failure) -> (known: RowID?, end: ArraySlice<UInt8>) {
    var rest = content[...]
    while rest.count > Self.chunkBytes {
      let chunk = Array(rest.prefix(Self.chunkBytes))
      let position = rest.startIndex
      let known = try await store.write(.cellStore, origin) { transaction -> RowID? in
        let rows = try SpoolStore(transaction)
        if let known = try rows.id(of: digest) { return known }
        try rows.removeAbandoned(
          before: transaction.now.adding(seconds: -Self.abandonedSeconds))
        try rows.insertChunk(digest, position, chunk, at: transaction.now)
        return nil
      }
      if let known { return (known, []) }
      rest = rest.dropFirst(chunk.count)
    }
    return (nil, rest)
  }

  /// What two deliveries of the same part have in common: also what is stored, so that chunks of
  /// both fit together.
  ///
  /// The reason and the moment of the first are kept beside it.
  private static func identity(of part: Aimstors_ProtoSpoolPart) -> Aimstors_ProtoSpoolPart {
    var identity = part
    identity.reason = ""
    identity.receivedAtMs = 0
    if identity.hasPart {
      identity.part.receivedAtMs = 0
      identity.part.epoch = 0
    }
    return identity
  }

  func page(_ query: Aimstors_ProtoSpoolQuery) async throws(Failure) -> Aimstors_ProtoSpoolPage {
    let after = try identifier(query.after) ?? RowID(0)
    let wanted = try identifier(query.id)
    let limit = min(Int(query.limit), Self.pageLimit)
    let parts = try await store.read(.cellStore, [.spool]) { snapshot in
      let rows = SpoolStore(snapshot)
      if let wanted { return try rows.find(wanted).map { [$0] } ?? [] }
      return try rows.list(after: after, limit: limit, bytes: Self.pageBytes)
    }
    var page = Aimstors_ProtoSpoolPage()
    for part in parts { page.entries.append(try entry(part)) }
    return page
  }

  private func entry(_ part: SpooledPart) throws(Failure) -> Aimstors_ProtoSpoolEntry {
    var entry = Aimstors_ProtoSpoolEntry()
    entry.id = part.id.text(.quarantine)
    entry.part = try Self.message(part)
    entry.sha256 = .init(part.sha256)
    return entry
  }

  /// Whether all of a part's content is there.
  static func isWhole(_ part: SpooledPart) -> Bool { sha256(part.content) == part.sha256 }

  /// A part as it came.
  static func message(_ stored: SpooledPart) throws(Failure) -> Aimstors_ProtoSpoolPart {
    var part: Aimstors_ProtoSpoolPart
    do { part = try Aimstors_ProtoSpoolPart(serializedBytes: stored.content) } catch {
      throw Failure(.internalError, "a spooled part could not be decoded")
    }
    part.reason = stored.reason
    part.receivedAtMs = stored.receivedAt.milliseconds
    if part.hasPart { part.part.receivedAtMs = stored.receivedAt.milliseconds }
    return part
  }

  func remove(_ request: Aimstors_ProtoSpoolRemove, trace: String) async throws(Failure) {
    var ids: [RowID] = []
    for text in request.ids {
      guard let id = try identifier(text) else { continue }
      ids.append(id)
    }
    let removed = ids
    try await store.write(.cellStore, CommandOrigin(requestID: "", traceID: trace)) {
      let rows = try SpoolStore($0)
      for id in removed { try rows.remove(id) }
    }
  }

  func count() async throws(Failure) -> Int {
    try await store.read(.cellStore, [.spool]) { try SpoolStore($0).count() }
  }

  private func identifier(_ text: String) throws(Failure) -> RowID? {
    if text.isEmpty { return nil }
    guard let id = RowID(text, .quarantine) else {
      throw Failure(.invalidIdentifier, "not a quarantine id")
    }
    return id
  }

  private func serialized(_ message: some SwiftProtobuf.Message) throws(Failure) -> [UInt8] {
    do { return try message.serializedBytes() } catch {
      throw Failure(.internalError, "a message could not be encoded")
    }
  }

  private static func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    SHA256(bytes, bytes.count, &digest)
    return digest
  }
}
