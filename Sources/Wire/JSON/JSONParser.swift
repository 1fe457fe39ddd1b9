/// Writes the tape in one pass, without recursion.
///
/// Every access to the bytes is checked.
struct JSONParser {
  private(set) var entries: [JSONTape.Entry] = []
  /// The open arrays and objects, as indexes of their entries.
  private var open: [Int] = []

  mutating func parse(_ bytes: Span<UInt8>) throws(JSONTape.Malformed) {
    entries.reserveCapacity(bytes.count / 12 + 1)
    var at = Self.skipBlanks(bytes, 0)
    at = try value(bytes, at)
    while let container = open.last {
      at = Self.skipBlanks(bytes, at)
      let isObject = entries[container].kind == .object
      let isEmpty = container == entries.count - 1
      guard at < bytes.count else { throw .syntax(offset: at) }
      if bytes[at] == (isObject ? 0x7D : 0x5D) {
        at += 1
        entries[container].end = UInt32(at)
        entries[container].next = UInt32(entries.count)
        open.removeLast()
        continue
      }
      if !isEmpty {
        guard bytes[at] == UInt8(ascii: ",") else { throw .syntax(offset: at) }
        at = Self.skipBlanks(bytes, at + 1)
      }
      if isObject {
        guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { throw .syntax(offset: at) }
        at = Self.skipBlanks(bytes, try string(bytes, at))
        guard at < bytes.count, bytes[at] == UInt8(ascii: ":") else { throw .syntax(offset: at) }
        at = Self.skipBlanks(bytes, at + 1)
      }
      at = try value(bytes, at)
    }
    at = Self.skipBlanks(bytes, at)
    guard at == bytes.count else { throw .syntax(offset: at) }
  }

  /// Reads a scalar whole, or opens an array or object; answers where reading goes on.
  private mutating func value(_ bytes: Span<UInt8>, _ at: Int) throws(JSONTape.Malformed) -> Int {
    guard at < bytes.count else { throw .syntax(offset: at) }
    switch bytes[at] {
    case UInt8(ascii: "\""): return try string(bytes, at)
    case UInt8(ascii: "{"): return try openContainer(.object, at)
    case UInt8(ascii: "["): return try openContainer(.array, at)
    case UInt8(ascii: "t"): return try word("true", .true, bytes, at)
    case UInt8(ascii: "f"): return try word("false", .false, bytes, at)
    case UInt8(ascii: "n"): return try word("null", .null, bytes, at)
    default: return try number(bytes, at)
    }
  }

  private mutating func openContainer(
    _ kind: JSONNode.Kind, _ at: Int
  ) throws(JSONTape.Malformed) -> Int {
    guard open.count < JSONTape.Limits.depth else { throw .tooDeep(offset: at) }
    open.append(entries.count)
    append(kind, at, at + 1)
    return at + 1
  }

  private mutating func append(
    _ kind: JSONNode.Kind, _ start: Int, _ end: Int, escaped: Bool = false
  ) {
    entries.append(
      .init(
        start: UInt32(start), end: UInt32(end), next: UInt32(entries.count + 1), kind: kind,
        escaped: escaped))
  }

  private mutating func word(
    _ word: StaticString, _ kind: JSONNode.Kind, _ bytes: Span<UInt8>, _ at: Int
  ) throws(JSONTape.Malformed) -> Int {
    let end = at + word.utf8CodeUnitCount
    guard end <= bytes.count else { throw .syntax(offset: at) }
    for offset in 0..<word.utf8CodeUnitCount
    where bytes[at + offset] != word.utf8Start[offset] {
      throw .syntax(offset: at + offset)
    }
    append(kind, at, end)
    return end
  }

  private mutating func number(_ bytes: Span<UInt8>, _ start: Int) throws(JSONTape.Malformed) -> Int
  {
    var at = start
    if bytes[at] == UInt8(ascii: "-") { at += 1 }
    let integer = at
    at = Self.skipDigits(bytes, at)
    guard at > integer else { throw .syntax(offset: start) }
    guard at == integer + 1 || bytes[integer] != UInt8(ascii: "0") else {
      throw .syntax(offset: integer)
    }
    var kind = JSONNode.Kind.integer
    if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
      kind = .number
      let fraction = at + 1
      at = Self.skipDigits(bytes, fraction)
      guard at > fraction else { throw .syntax(offset: at) }
    }
    if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
      kind = .number
      at += 1
      if at < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") {
        at += 1
      }
      let exponent = at
      at = Self.skipDigits(bytes, exponent)
      guard at > exponent else { throw .syntax(offset: at) }
    }
    append(kind, start, at)
    return at
  }

  private mutating func string(_ bytes: Span<UInt8>, _ start: Int) throws(JSONTape.Malformed) -> Int
  {
    var at = start + 1
    var escaped = false
    while at < bytes.count {
      let byte = bytes[at]
      switch byte {
      case UInt8(ascii: "\""):
        append(.string, start, at + 1, escaped: escaped)
        return at + 1
      case UInt8(ascii: "\\"):
        escaped = true
        at = try Self.skipEscape(bytes, at)
      case 0..<0x20: throw .syntax(offset: at)
      case 0x20..<0x80: at += 1
      default: at = try Self.skipMultibyte(bytes, at)
      }
    }
    throw .syntax(offset: at)
  }

  private static func skipEscape(_ bytes: Span<UInt8>, _ at: Int) throws(JSONTape.Malformed) -> Int
  {
    guard at + 1 < bytes.count else { throw .syntax(offset: at) }
    switch bytes[at + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
      UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      return at + 2
    case UInt8(ascii: "u"):
      guard at + 6 <= bytes.count else { throw .syntax(offset: at) }
      for digit in at + 2..<at + 6 where !JSONEscapes.isHex(bytes[digit]) {
        throw .syntax(offset: digit)
      }
      return at + 6
    default: throw .syntax(offset: at + 1)
    }
  }

  /// Past one UTF-8 sequence of two to four bytes; refuses overlong forms and surrogates.
  private static func skipMultibyte(
    _ bytes: Span<UInt8>, _ at: Int
  ) throws(JSONTape.Malformed) -> Int {
    let lead = bytes[at]
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch lead {
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    case 0xF1...0xF3: length = 4
    default: throw .syntax(offset: at)
    }
    guard at + length <= bytes.count, second.contains(bytes[at + 1]) else {
      throw .syntax(offset: at)
    }
    for offset in 2..<max(2, length) where bytes[at + offset] & 0xC0 != 0x80 {
      throw .syntax(offset: at + offset)
    }
    return at + length
  }

  private static func skipBlanks(_ bytes: Span<UInt8>, _ start: Int) -> Int {
    var at = start
    while at < bytes.count {
      switch bytes[at] {
      case 0x20, 0x0A, 0x0D, 0x09: at += 1
      default: return at
      }
    }
    return at
  }

  private static func skipDigits(_ bytes: Span<UInt8>, _ start: Int) -> Int {
    var at = start
    while at < bytes.count, bytes[at] >= 0x30, bytes[at] <= 0x39 { at += 1 }
    return at
  }
}
