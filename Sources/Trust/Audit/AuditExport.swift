import Cryptography
import Wire

/// An audit log as a file for outsiders: checkpoints first, then one OCSF event (API Activity,
/// 6003) a line.
///
/// `raw_data` holds the entry's own bytes, which the tree is built of; everything else in the line
/// is derived from them, and compared when the file is verified.
public enum AuditExport {
  /// One entry as a line, without line break.
  public static func line(_ event: AuditEvent) -> [UInt8] { line(entry: event.json) }

  /// One entry, by its bytes, as a line without line break.
  ///
  /// What is no entry's bytes gives a line with `raw_data` alone, which does not verify.
  public static func line(entry body: [UInt8]) -> [UInt8] {
    guard let entry = AuditEntryText(body) else {
      var json = Array("{\"raw_data\":".utf8)
      JSONText.append(bytes: body, to: &json)
      json.append(UInt8(ascii: "}"))
      return json
    }
    return line(body, entry)
  }

  /// Texts are copied as they stand in the entry, which holds them escaped by the same rule.
  static func line(_ body: [UInt8], _ entry: AuditEntryText) -> [UInt8] {
    let action = String(decoding: body[entry.action], as: UTF8.self)
    let activity = activityID(action)
    let isSuccess = body[entry.outcome].elementsEqual("success".utf8)
    var line = LineWriter(body)
    line.add("{\"class_uid\":6003,\"category_uid\":6,\"activity_id\":")
    line.add(number: activity)
    line.add(",\"type_uid\":")
    line.add(number: 600_300 + activity)
    line.add(",\"time\":", entry.at)
    line.add(AlertRule.isAlert(action) ? ",\"severity_id\":3" : ",\"severity_id\":1")
    line.add(isSuccess ? ",\"status_id\":1" : ",\"status_id\":2")
    line.add(
      """
      ,"metadata":{"version":"1.4.0","product":{"name":"Aimstors","vendor_name":"Aimstors"},\
      "sequence":
      """, entry.sequence)
    line.add(",\"correlation_uid\":\"", entry.traceID)
    line.add("\"},\"actor\":{\"user\":{\"type\":\"", entry.actorKind)
    line.add("\",\"uid\":\"", entry.actor)
    line.add("\"}")
    if let session = entry.session {
      line.add(",\"session\":{\"uid\":\"", session)
      line.add("\"}")
    }
    if let by = entry.impersonatedBy {
      line.add(",\"invoked_by\":\"", by)
      line.add("\"")
    }
    line.add("},\"api\":{\"operation\":\"", entry.action)
    line.add("\"},\"resources\":[{\"uid\":\"", entry.subject)
    line.add("\"}]")
    if !entry.address.isEmpty {
      line.add(",\"src_endpoint\":{\"ip\":\"", entry.address)
      line.add("\"}")
    }
    line.add(",\"raw_data\":")
    JSONText.append(bytes: body, to: &line.json)
    line.add("}")
    return line.json
  }

  /// A checkpoint as a line.
  public static func line(_ checkpoint: Checkpoint) -> [UInt8] {
    var json = Array("{\"checkpoint\":".utf8)
    JSONText.append(checkpoint.text, to: &json)
    json.append(UInt8(ascii: "}"))
    return json
  }

  /// OCSF: create 1, read 2, update 3, delete 4, other 99.
  private static func activityID(_ action: String) -> Int {
    switch action.utf8.lastIndex(of: UInt8(ascii: ".")).map({ action[$0...].dropFirst() }) {
    case "create", "connect", "start", "invite", "accept", "top_up": 1
    case "export", "read": 2
    case "change", "role_change", "put", "rotate", "update", "pause", "resume",
      "allow_list_change", "password_change":
      3
    case "delete", "remove", "revoke", "disconnect", "cancel", "end": 4
    default: 99
    }
  }

  /// Puts a line together of fixed texts and pieces of an entry.
  private struct LineWriter {
    let body: [UInt8]
    var json: [UInt8] = []

    init(_ body: [UInt8]) {
      self.body = body
      // The line repeats most of its entry.
      json.reserveCapacity(2 * body.count + 512)
    }

    mutating func add(_ text: StaticString, _ piece: Range<Int> = 0..<0) {
      JSONText.append(raw: text, to: &json)
      json.append(contentsOf: body[piece])
    }

    mutating func add(number: Int) { json.append(contentsOf: String(number).utf8) }
  }
}
