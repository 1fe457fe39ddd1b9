/// Where the parts of an entry stand in its bytes, as ``AuditEvent/json`` writes them.
///
/// Nothing is decoded: texts stay escaped, and a log of a million entries is looked through without
/// a string being made.
struct AuditEntryText {
  /// The entry's place in the log, as a number.
  let position: Int64
  let sequence: Range<Int>
  let at: Range<Int>
  // Texts, without their quotes.
  let action: Range<Int>
  let actorKind: Range<Int>
  let actor: Range<Int>
  let session: Range<Int>?
  let impersonatedBy: Range<Int>?
  let subject: Range<Int>
  let outcome: Range<Int>
  let address: Range<Int>
  let traceID: Range<Int>

  /// Nil for anything but an entry in its one form.
  init?(_ body: [UInt8]) {
    guard (try? UTF8Span(validating: body.span)) != nil else { return nil }
    var scan = Scan(body: body)
    guard scan.skip("{\"sequence\":"), let sequence = scan.number(),
      let position = Int64(String(decoding: body[sequence], as: UTF8.self)),
      scan.skip(",\"at\":"), let at = scan.number(),
      let action = scan.text(after: ",\"action\":\""),
      let actorKind = scan.text(after: ",\"actor_kind\":\""),
      let actor = scan.text(after: ",\"actor\":\"")
    else { return nil }
    session = scan.text(after: ",\"session\":\"")
    impersonatedBy = scan.text(after: ",\"impersonated_by\":\"")
    guard let subject = scan.text(after: ",\"subject\":\""),
      let outcome = scan.text(after: ",\"outcome\":\""), scan.skip(",\"detail\":{"),
      scan.skipDetails(), let address = scan.text(after: ",\"address\":\""),
      let traceID = scan.text(after: ",\"trace_id\":\""), scan.skip("}"), scan.isAtEnd,
      AuditEvent.Actor.Kind(rawValue: String(decoding: body[actorKind], as: UTF8.self)) != nil,
      AuditEvent.Outcome(rawValue: String(decoding: body[outcome], as: UTF8.self)) != nil
    else { return nil }
    self.position = position
    self.sequence = sequence
    self.at = at
    self.action = action
    self.actorKind = actorKind
    self.actor = actor
    self.subject = subject
    self.outcome = outcome
    self.address = address
    self.traceID = traceID
  }

  /// Reads on from piece to piece.
  private struct Scan {
    let body: [UInt8]
    var index = 0

    var isAtEnd: Bool { index == body.count }

    /// Whether `text` stands here, and then goes behind it.
    mutating func skip(_ text: StaticString) -> Bool {
      let count = text.utf8CodeUnitCount
      guard body.count - index >= count else { return false }
      for offset in 0..<count where body[index + offset] != text.utf8Start[offset] {
        return false
      }
      index += count
      return true
    }

    /// Digits that an Int64 holds, as they are written: no other number has two forms.
    mutating func number() -> Range<Int>? {
      let start = index
      while index < body.count, (0x30...0x39).contains(body[index]) { index += 1 }
      let count = index - start
      guard (1...18).contains(count), count == 1 || body[start] != 0x30 else { return nil }
      return start..<index
    }

    /// The text behind `name`, its closing quote skipped; nil, and nothing skipped, without it.
    mutating func text(after name: StaticString) -> Range<Int>? {
      let before = index
      guard skip(name), let range = closeText() else {
        index = before
        return nil
      }
      return range
    }

    /// To the end of a text whose opening quote is behind.
    private mutating func closeText() -> Range<Int>? {
      let start = index
      while index < body.count {
        switch body[index] {
        case UInt8(ascii: "\""):
          index += 1
          return start..<index - 1
        case UInt8(ascii: "\\"): guard skipEscape() else { return nil }
        case 0..<0x20: return nil
        default: index += 1
        }
      }
      return nil
    }

    /// Behind an escape as ``JSONText`` writes them.
    private mutating func skipEscape() -> Bool {
      guard index + 1 < body.count else { return false }
      switch body[index + 1] {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "n"), UInt8(ascii: "r"),
        UInt8(ascii: "t"):
        index += 2
        return true
      case UInt8(ascii: "u"):
        index += 2
        guard skip("00"), index + 2 <= body.count,
          body[index..<index + 2].allSatisfy({ "0123456789abcdef".utf8.contains($0) })
        else { return false }
        index += 2
        return true
      default: return false
      }
    }

    /// Names and their texts, to behind the closing brace.
    mutating func skipDetails() -> Bool {
      if skip("}") { return true }
      repeat {
        guard text(after: "\"") != nil, text(after: ":\"") != nil else { return false }
      } while skip(",")
      return skip("}")
    }
  }
}
