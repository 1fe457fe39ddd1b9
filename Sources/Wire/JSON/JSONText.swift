/// Writes JSON strings without Foundation.
public enum JSONText {
  private static let digits = Array("0123456789abcdef".utf8)

  /// Appends `text` as a JSON string, quotes included.
  public static func append(_ text: String, to json: inout [UInt8]) {
    var text = text
    text.withUTF8 { append($0, to: &json) }
  }

  /// Appends the bytes of a text as a JSON string, quotes included.
  public static func append(bytes: [UInt8], to json: inout [UInt8]) {
    bytes.withUnsafeBufferPointer { append($0, to: &json) }
  }

  /// Appends what is JSON already, such as a name with its punctuation.
  public static func append(raw text: StaticString, to json: inout [UInt8]) {
    text.withUTF8Buffer { json.append(contentsOf: $0) }
  }

  /// Appends a name with its punctuation, and its text.
  public static func append(_ name: StaticString, text: String, to json: inout [UInt8]) {
    append(raw: name, to: &json)
    append(text, to: &json)
  }

  private static func append(_ text: UnsafeBufferPointer<UInt8>, to json: inout [UInt8]) {
    json.append(UInt8(ascii: "\""))
    // Most texts have nothing to escape: runs are copied whole.
    var start = 0
    for (index, byte) in text.enumerated() where !isPlain(byte) {
      json.append(contentsOf: UnsafeBufferPointer(rebasing: text[start..<index]))
      start = index + 1
      appendEscape(byte, to: &json)
    }
    json.append(contentsOf: UnsafeBufferPointer(rebasing: text[start...]))
    json.append(UInt8(ascii: "\""))
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  private static func appendEscape(_ byte: UInt8, to json: inout [UInt8]) {
    json.append(UInt8(ascii: "\\"))
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): json.append(byte)
    case 0x0A: json.append(UInt8(ascii: "n"))
    case 0x0D: json.append(UInt8(ascii: "r"))
    case 0x09: json.append(UInt8(ascii: "t"))
    default:
      json.append(contentsOf: "u00".utf8)
      json.append(digits[Int(byte >> 4)])
      json.append(digits[Int(byte & 15)])
    }
  }

  /// Undoes what ``append(_:to:)`` does between the quotes; nil for what it does not write.
  public static func unescaped(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    let text = text.span
    var isRight = true
    let bytes = [UInt8](unsafeUninitializedCapacity: text.count) { buffer, count in
      var index = 0
      while index < text.count {
        let byte = text[index]
        index += 1
        if isPlain(byte) {
          buffer.initializeElement(at: count, to: byte)
          count += 1
        } else if byte == UInt8(ascii: "\\"), let escaped = escaped(text, &index) {
          buffer.initializeElement(at: count, to: escaped)
          count += 1
        } else {
          isRight = false
          return
        }
      }
    }
    return isRight ? bytes : nil
  }

  /// The byte behind a backslash at `index`, which goes past it.
  private static func escaped(_ text: Span<UInt8>, _ index: inout Int) -> UInt8? {
    guard index < text.count else { return nil }
    let mark = text[index]
    index += 1
    switch mark {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): return mark
    case UInt8(ascii: "n"): return 0x0A
    case UInt8(ascii: "r"): return 0x0D
    case UInt8(ascii: "t"): return 0x09
    case UInt8(ascii: "u"):
      guard text.count - index >= 4, text[index] == UInt8(ascii: "0"),
        text[index + 1] == UInt8(ascii: "0"), let high = digits.firstIndex(of: text[index + 2]),
        let low = digits.firstIndex(of: text[index + 3])
      else { return nil }
      index += 4
      return UInt8(high << 4 | low)
    default: return nil
    }
  }
}
