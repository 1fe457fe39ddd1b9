/// Writes JSON strings without Foundation.
public enum JSONText {
  private static let digits = Array("0123456789abcdef".utf8)

  /// Appends `text` as a JSON string, quotes included.
  public static func append(_ text: String, to json: inout [UInt8]) {
    json.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        json.append(UInt8(ascii: "\\"))
        json.append(byte)
      case 0x0A: json.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
      case 0x0D: json.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "r")])
      case 0x09: json.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "t")])
      case 0..<0x20:
        json.append(contentsOf: "\\u00".utf8)
        json.append(digits[Int(byte >> 4)])
        json.append(digits[Int(byte & 15)])
      default: json.append(byte)
      }
    }
    json.append(UInt8(ascii: "\""))
  }

  /// Undoes what ``append(_:to:)`` does between the quotes; nil for what it does not write.
  public static func unescaped(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var index = text.startIndex
    while index < text.endIndex {
      let byte = text[index]
      index += 1
      guard byte == UInt8(ascii: "\\") else {
        guard byte >= 0x20, byte != UInt8(ascii: "\"") else { return nil }
        bytes.append(byte)
        continue
      }
      guard index < text.endIndex else { return nil }
      let mark = text[index]
      index += 1
      switch mark {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(mark)
      case UInt8(ascii: "n"): bytes.append(0x0A)
      case UInt8(ascii: "r"): bytes.append(0x0D)
      case UInt8(ascii: "t"): bytes.append(0x09)
      case UInt8(ascii: "u"):
        guard text.endIndex - index >= 4, text[index] == UInt8(ascii: "0"),
          text[index + 1] == UInt8(ascii: "0"),
          let value = UInt8(
            String(decoding: text[index + 2..<index + 4], as: UTF8.self), radix: 16)
        else { return nil }
        bytes.append(value)
        index += 4
      default: return nil
      }
    }
    return bytes
  }
}
