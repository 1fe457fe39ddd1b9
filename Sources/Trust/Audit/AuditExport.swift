import Cryptography
import Wire

/// An audit log as a file for outsiders: checkpoints first, then one OCSF event (API Activity,
/// 6003) a line.
///
/// `raw_data` holds the entry's own bytes, which the tree is built of; everything else in the line
/// is derived from them, and compared when the file is verified.
public enum AuditExport {
  /// One event as a line, without line break.
  public static func line(_ event: AuditEvent) -> [UInt8] {
    var json = Array("{\"class_uid\":6003,\"category_uid\":6".utf8)
    let activity = activityID(event.action)
    json += Array(",\"activity_id\":\(activity),\"type_uid\":\(600_300 + activity)".utf8)
    json += Array(",\"time\":\(event.at.milliseconds)".utf8)
    json += Array(",\"severity_id\":\(AlertRule.isAlert(event) ? 3 : 1)".utf8)
    json += Array(",\"status_id\":\(event.outcome == .success ? 1 : 2)".utf8)
    json += Array(
      (",\"metadata\":{\"version\":\"1.4.0\",\"product\":{\"name\":\"Aimstors\","
        + "\"vendor_name\":\"Aimstors\"},\"sequence\":\(event.sequence)").utf8)
    AuditEvent.member("correlation_uid", event.traceID, to: &json)
    json += Array("},\"actor\":{\"user\":{\"type\":".utf8)
    JSONText.append(event.actor.kind.rawValue, to: &json)
    AuditEvent.member("uid", event.actor.id, to: &json)
    json.append(UInt8(ascii: "}"))
    if let session = event.actor.session {
      json += Array(",\"session\":{\"uid\":".utf8)
      JSONText.append(session, to: &json)
      json.append(UInt8(ascii: "}"))
    }
    if let by = event.actor.impersonatedBy { AuditEvent.member("invoked_by", by, to: &json) }
    json += Array("},\"api\":{\"operation\":".utf8)
    JSONText.append(event.action, to: &json)
    json += Array("},\"resources\":[{\"uid\":".utf8)
    JSONText.append(event.subject, to: &json)
    json += Array("}]".utf8)
    if !event.address.isEmpty {
      json += Array(",\"src_endpoint\":{\"ip\":".utf8)
      JSONText.append(event.address, to: &json)
      json.append(UInt8(ascii: "}"))
    }
    AuditEvent.member("raw_data", String(decoding: event.json, as: UTF8.self), to: &json)
    json.append(UInt8(ascii: "}"))
    return json
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
    switch action.split(separator: ".").last {
    case "create", "connect", "start", "invite", "accept", "top_up": 1
    case "export", "read": 2
    case "change", "role_change", "put", "rotate", "update", "pause", "resume",
      "allow_list_change", "password_change":
      3
    case "delete", "remove", "revoke", "disconnect", "cancel", "end": 4
    default: 99
    }
  }
}

/// Checks an exported log without asking anybody: by the keys and checkpoints that one holds.
///
/// Give it the file's lines in order, then ask for ``verdict``.
public struct AuditVerifier: Sendable {
  /// What is wrong, for programs; the text is for people.
  public enum Fault: String, Error, Hashable, Sendable {
    case malformedLine = "malformed_line"
    /// Positions do not follow each other: entries were removed, repeated or reordered.
    case sequenceBroken = "sequence_broken"
    /// What a line shows is not what its entry says.
    case lineDiffers = "line_differs"
    case noCheckpoint = "no_checkpoint"
    case notSigned = "not_signed"
    case notWitnessed = "not_witnessed"
    case otherLog = "other_log"
    /// The entries' tree is not the one that was signed: edited.
    case rootDiffers = "root_differs"
    /// A checkpoint speaks of more entries than there are.
    case truncated
  }

  public struct Finding: Error, Hashable, Sendable {
    public let fault: Fault
    public let detail: String

    public init(fault: Fault, detail: String) {
      self.fault = fault
      self.detail = detail
    }
  }

  public struct Verdict: Hashable, Sendable {
    public let origin: String
    public let entries: Int64
    /// Entries that the newest signed checkpoint speaks for.
    public let signed: Int64
    /// Entries that the newest witnessed checkpoint speaks for.
    public let witnessed: Int64
    public let root: [UInt8]
  }

  private let key: VerifyingKey
  private let witness: VerifyingKey?
  private var tree = GrowingTree()
  /// Checkpoints to compare, by size: those held by the caller and those of the file.
  private var expected: [Int64: [Checkpoint]] = [:]
  /// The roots at those sizes, noted as the tree grows.
  private var roots: [Int64: [UInt8]] = [:]
  private var number = 0

  /// - Parameters:
  ///   - key: The log's own key.
  ///   - witness: The control plane's key; nil: its signature is not asked for.
  ///   - held: Checkpoints that the caller has kept, or got from the witness.
  public init(key: VerifyingKey, witness: VerifyingKey?, held: [Checkpoint]) {
    self.key = key
    self.witness = witness
    for checkpoint in held { expected[checkpoint.size, default: []].append(checkpoint) }
    roots[0] = tree.root
  }

  /// What a line was found to be, by itself: many can be read at the same time.
  public enum Line: Hashable, Sendable {
    case blank
    case checkpoint(Checkpoint)
    case entry(sequence: Int64, leaf: [UInt8])
    case wrong(Fault, String)
  }

  /// Reads one line.
  public static func read(_ line: [UInt8]) -> Line {
    guard !line.isEmpty else { return .blank }
    guard let raw = rawData(line) else { return readSlowly(line) }
    guard let event = AuditEvent(json: raw) else {
      return .wrong(.malformedLine, "holds no entry")
    }
    // The line is made of the entry alone: where it is the same, all that it shows is the entry's.
    guard AuditExport.line(event) == line else {
      return .wrong(.lineDiffers, "shows something else than its entry says")
    }
    return .entry(sequence: event.sequence, leaf: MerkleTree.leaf(raw))
  }

  /// What stands in an entry's `raw_data`; nil where the line does not look like an entry's.
  ///
  /// Quotes inside of texts are escaped, so the name stands only once in clear.
  private static func rawData(_ line: [UInt8]) -> [UInt8]? {
    guard line.count > rawName.count + 2, line[line.count - 2] == UInt8(ascii: "\""),
      line[line.count - 1] == UInt8(ascii: "}"), let start = end(of: rawName, in: line),
      start <= line.count - 2
    else { return nil }
    return JSONText.unescaped(line[start..<(line.count - 2)])
  }
  private static let rawName = Array(",\"raw_data\":\"".utf8)

  /// Where the first occurrence of a name ends.
  private static func end(of name: [UInt8], in line: [UInt8]) -> Int? {
    let (bytes, wanted) = (line.span, name.span)
    var index = 0
    while index + wanted.count <= bytes.count {
      var offset = 0
      while offset < wanted.count, bytes[index + offset] == wanted[offset] { offset += 1 }
      if offset == wanted.count { return index + offset }
      index += 1
    }
    return nil
  }

  private static func readSlowly(_ line: [UInt8]) -> Line {
    guard let root = (try? JSONTape(line))?.root else {
      return .wrong(.malformedLine, "is not JSON")
    }
    guard let text = root["checkpoint"]?.string else {
      return .wrong(.malformedLine, "holds no entry")
    }
    guard let checkpoint = Checkpoint(text) else {
      return .wrong(.malformedLine, "holds no checkpoint")
    }
    return .checkpoint(checkpoint)
  }

  /// Takes one line.
  ///
  /// Throws a ``Finding`` at the first that is wrong.
  public mutating func take(_ line: [UInt8]) throws(Finding) { try take(Self.read(line)) }

  /// Takes a line that was read.
  ///
  /// Throws a ``Finding`` at the first that is wrong.
  public mutating func take(_ line: Line) throws(Finding) {
    number += 1
    switch line {
    case .blank: return
    case .wrong(let fault, let detail):
      throw Finding(fault: fault, detail: "line \(number) \(detail)")
    case .checkpoint(let checkpoint):
      guard tree.size == 0 else {
        throw Finding(
          fault: .malformedLine, detail: "line \(number): checkpoints stand before the entries")
      }
      expected[checkpoint.size, default: []].append(checkpoint)
    case .entry(let sequence, let leaf):
      guard sequence == tree.size else {
        throw Finding(
          fault: .sequenceBroken,
          detail: "line \(number) has entry \(sequence) where \(tree.size) belongs")
      }
      tree.append(leaf: leaf)
      if expected[tree.size] != nil { roots[tree.size] = tree.root }
    }
  }

  /// After the last line: whether all checkpoints speak of this log.
  public func verdict() throws(Finding) -> Verdict {
    let all = expected.sorted { $0.key < $1.key }.flatMap(\.value)
    guard !all.isEmpty else {
      throw Finding(fault: .noCheckpoint, detail: "nothing says what the log should be")
    }
    let origins = Set(all.map(\.origin))
    guard origins.count == 1, let origin = origins.first else {
      throw Finding(
        fault: .otherLog, detail: "checkpoints of \(origins.sorted().joined(separator: ", "))")
    }
    var signed: Int64 = -1
    var witnessed: Int64 = -1
    for checkpoint in all {
      let isWitnessed =
        witness.map { checkpoint.isSigned(Checkpoint.witnessName, by: $0) } ?? false
      guard checkpoint.isSigned(origin, by: key) || isWitnessed else {
        throw Finding(
          fault: .notSigned, detail: "the checkpoint at \(checkpoint.size) has no signature of K")
      }
      try compare(checkpoint)
      signed = max(signed, checkpoint.size)
      if isWitnessed { witnessed = max(witnessed, checkpoint.size) }
    }
    guard witness == nil || witnessed >= 0 else {
      throw Finding(fault: .notWitnessed, detail: "no checkpoint has the witness's signature")
    }
    return Verdict(
      origin: origin, entries: tree.size, signed: signed, witnessed: max(0, witnessed),
      root: tree.root)
  }

  private func compare(_ checkpoint: Checkpoint) throws(Finding) {
    guard checkpoint.size <= tree.size else {
      throw Finding(
        fault: .truncated,
        detail: "\(checkpoint.size) entries were signed, \(tree.size) are here")
    }
    guard let root = roots[checkpoint.size] else {
      throw Finding(
        fault: .noCheckpoint, detail: "no tree of \(checkpoint.size) entries was seen")
    }
    guard root == checkpoint.root else {
      throw Finding(
        fault: .rootDiffers,
        detail: "the first \(checkpoint.size) entries are not those that were signed")
    }
  }
}
