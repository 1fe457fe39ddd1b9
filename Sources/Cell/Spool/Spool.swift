import COpenSSL
import Storage
import SwiftProtobuf
import Wire

/// Keeps authentic webhook parts whose owner cannot take them now, until the control plane delivers
/// and removes them.
///
/// Storing and removing are idempotent.
struct Spool: Sendable {
  /// The most bytes of parts that one page carries; a page always carries at least one part.
  static let pageBytes = 2 << 20
  /// The most parts that one page carries, whatever was asked.
  static let pageLimit = 200

  let store: any TenantStore

  func accept(_ part: Aimstors_ProtoSpoolPart, trace: String) async throws(Failure) -> String {
    let content = try serialized(part)
    // The reason may differ between two deliveries of the same part; its content does not.
    var identity = part
    identity.reason = ""
    identity.receivedAtMs = 0
    identity.part.receivedAtMs = 0
    identity.part.epoch = 0
    let digest = sha256(try serialized(identity))
    let id = try await store.write(.cellStore, CommandOrigin(requestID: "", traceID: trace)) {
      transaction in
      try SpoolStore(transaction).store(
        SpooledPart(
          id: transaction.freshID(), receivedAt: Timestamp(milliseconds: part.receivedAtMs),
          reason: part.reason, tenant: part.part.tenant, sha256: digest, content: content))
    }
    return id.text(.quarantine)
  }

  func page(_ query: Aimstors_ProtoSpoolQuery) async throws(Failure) -> Aimstors_ProtoSpoolPage {
    let after = try identifier(query.after) ?? RowID(0)
    let wanted = try identifier(query.id)
    let limit = min(Int(query.limit), Self.pageLimit)
    let parts = try await store.read(.cellStore, [.spool]) { snapshot in
      let rows = SpoolStore(snapshot)
      if let wanted { return try rows.find(wanted).map { [$0] } ?? [] }
      return try rows.list(after: after, limit: limit)
    }
    var page = Aimstors_ProtoSpoolPage()
    var bytes = 0
    for part in parts {
      bytes += part.content.count
      if bytes > Self.pageBytes, !page.entries.isEmpty { break }
      var entry = Aimstors_ProtoSpoolEntry()
      entry.id = part.id.text(.quarantine)
      entry.part = try parsed(part.content)
      entry.sha256 = .init(part.sha256)
      page.entries.append(entry)
    }
    return page
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

  private func parsed(_ bytes: [UInt8]) throws(Failure) -> Aimstors_ProtoSpoolPart {
    do { return try Aimstors_ProtoSpoolPart(serializedBytes: bytes) } catch {
      throw Failure(.internalError, "a spooled part could not be decoded")
    }
  }

  private func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    SHA256(bytes, bytes.count, &digest)
    return digest
  }
}

extension TenantID {
  /// The pseudo-tenant that holds the cell's own store.
  public static let cellStore = TenantID(trusted: "_cell")
}
