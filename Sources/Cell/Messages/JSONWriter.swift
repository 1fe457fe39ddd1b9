import Edge
import Hummingbird
import Storage
import Wire

/// Writes a JSON object member by member; can take in JSON as it was received, byte for byte, which
/// an encoder cannot.
struct JSONWriter {
  private(set) var bytes: [UInt8] = [UInt8(ascii: "{")]

  private mutating func name(_ name: String) {
    if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
    JSONText.append(name, to: &bytes)
    bytes.append(UInt8(ascii: ":"))
  }

  mutating func add(_ key: String, _ text: String?) {
    name(key)
    if let text { JSONText.append(text, to: &bytes) } else { bytes += Array("null".utf8) }
  }

  mutating func add(_ key: String, _ number: Int64?) {
    name(key)
    bytes += Array((number.map(String.init) ?? "null").utf8)
  }

  mutating func add(_ key: String, _ flag: Bool) {
    name(key)
    bytes += Array((flag ? "true" : "false").utf8)
  }

  mutating func add(_ key: String, _ time: Timestamp?) { add(key, time?.rfc3339) }

  /// JSON as it is.
  mutating func add(_ key: String, raw: [UInt8]?) {
    name(key)
    bytes += raw ?? Array("null".utf8)
  }

  mutating func add(_ key: String, objects: [[UInt8]]) { add(key, raw: Self.array(objects)) }

  static func array(_ values: [[UInt8]]) -> [UInt8] {
    var json = [UInt8(ascii: "[")]
    for (index, value) in values.enumerated() {
      if index > 0 { json.append(UInt8(ascii: ",")) }
      json += value
    }
    json.append(UInt8(ascii: "]"))
    return json
  }

  /// The closed object.
  var object: [UInt8] { bytes + [UInt8(ascii: "}")] }

  static func object(_ fill: (inout JSONWriter) throws -> Void) rethrows -> [UInt8] {
    var writer = JSONWriter()
    try fill(&writer)
    return writer.object
  }

  /// `{data, next_cursor}` of rows of which one more than asked for was read; a page also ends when
  /// it holds ``EdgeLimits/pageBytes``.
  static func page<Item>(
    _ rows: [Item], _ query: ListQuery, key: (Item) -> RowID, _ write: (Item) throws -> [UInt8]
  ) rethrows -> [UInt8] {
    var data: [[UInt8]] = []
    var bytes = 0
    for row in rows.prefix(query.limit) {
      let json = try write(row)
      bytes += json.count
      if bytes > EdgeLimits.pageBytes, !data.isEmpty { break }
      data.append(json)
    }
    let next =
      rows.count > data.count
      ? ListQuery.cursor("\(key(rows[data.count - 1]).rawValue)") : nil
    return object {
      $0.add("data", objects: data)
      $0.add("next_cursor", next)
    }
  }
}

extension StoredAnswer {
  /// An answer of JSON that is written already.
  static func written(_ status: Int, _ json: [UInt8]) -> StoredAnswer {
    StoredAnswer(status: status, contentType: "application/json", body: json)
  }
}

extension CellContext {
  /// Reads a request that writes, its body as it came.
  func rawCommand(_ request: Request, file: FileKind) async throws -> CommandCall<[UInt8]> {
    let body = try await bytes(request)
    let head = "\(request.method) \(request.uri.path)\n"
    return CommandCall(
      input: body, tenant: try tenant(), origin: origin(body: body.count),
      claim: IdempotencyClaim(
        principal: try principal().name, key: try idempotencyKey(),
        payloadHash: Digest.sha256(Array(head.utf8) + body), file: file,
        retentionSeconds: IdempotencyClaim.dayRetention))
  }
}

extension ListQuery {
  /// The row before which the page starts, for lists with the newest first.
  func beforeRow() throws(Failure) -> RowID? {
    after == nil ? nil : try afterRow()
  }
}
