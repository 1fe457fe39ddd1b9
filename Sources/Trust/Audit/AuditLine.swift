import Wire

/// What a line of an exported log was found to be, by itself: many can be read at the same time.
public enum AuditLine: Hashable, Sendable {
  case blank
  case checkpoint(Checkpoint)
  case entry(sequence: Int64, leaf: [UInt8])
  case wrong(AuditVerifier.Fault, String)

  /// Reads one line, without its line break.
  public init(_ line: [UInt8]) {
    guard !line.isEmpty else {
      self = .blank
      return
    }
    guard let body = Self.rawData(line) else {
      self = Self.checkpoint(line)
      return
    }
    guard let entry = AuditEntryText(body) else {
      self = .wrong(.malformedLine, "holds no entry")
      return
    }
    // The line is made of the entry alone: where it is the same, all that it shows is the entry's.
    guard AuditExport.line(body, entry) == line else {
      self = .wrong(.lineDiffers, "shows something else than its entry says")
      return
    }
    self = .entry(sequence: entry.position, leaf: MerkleTree.leaf(body))
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

  private static func checkpoint(_ line: [UInt8]) -> AuditLine {
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
}
