extension JSON {
  /// How text is written.
  ///
  /// Meta's webhooks escape `/` and everything outside ASCII, so that a receiver who signs what it
  /// wrote itself gets another signature.
  public enum Escaping: Sendable {
    case minimal
    case meta
  }

  /// The value as UTF-8, without white space.
  public func bytes(_ escaping: Escaping = .minimal) -> [UInt8] {
    var output: [UInt8] = []
    write(into: &output, escaping)
    return output
  }

  /// The value as text, without white space.
  public func serialized(_ escaping: Escaping = .minimal) -> String {
    String(decoding: bytes(escaping), as: UTF8.self)
  }

  private func write(into output: inout [UInt8], _ escaping: Escaping) {
    switch self {
    case .null: output += Array("null".utf8)
    case .bool(let flag): output += Array((flag ? "true" : "false").utf8)
    case .integer(let number): output += Array(String(number).utf8)
    case .double(let number): output += Array(String(number).utf8)
    case .string(let text): Self.write(text, into: &output, escaping)
    case .array(let elements):
      output.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        element.write(into: &output, escaping)
      }
      output.append(UInt8(ascii: "]"))
    case .object(let members):
      output.append(UInt8(ascii: "{"))
      for (index, member) in members.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        Self.write(member.name, into: &output, escaping)
        output.append(UInt8(ascii: ":"))
        member.value.write(into: &output, escaping)
      }
      output.append(UInt8(ascii: "}"))
    }
  }

  private static func write(_ text: String, into output: inout [UInt8], _ escaping: Escaping) {
    output.append(UInt8(ascii: "\""))
    for unit in text.utf16 where escaping == .meta {
      writeEscaped(unit, into: &output)
    }
    for byte in text.utf8 where escaping == .minimal {
      if byte < 0x80 { writeASCII(byte, into: &output) } else { output.append(byte) }
    }
    output.append(UInt8(ascii: "\""))
  }

  private static func writeEscaped(_ unit: UInt16, into output: inout [UInt8]) {
    switch unit {
    case 0x2F: output += Array("\\/".utf8)
    case 0..<0x80: writeASCII(UInt8(unit), into: &output)
    default: writeUnicodeEscape(unit, into: &output)
    }
  }

  private static func writeASCII(_ byte: UInt8, into output: inout [UInt8]) {
    switch byte {
    case UInt8(ascii: "\""): output += Array("\\\"".utf8)
    case UInt8(ascii: "\\"): output += Array("\\\\".utf8)
    case 10: output += Array("\\n".utf8)
    case 13: output += Array("\\r".utf8)
    case 9: output += Array("\\t".utf8)
    case 0..<0x20: writeUnicodeEscape(UInt16(byte), into: &output)
    default: output.append(byte)
    }
  }

  private static func writeUnicodeEscape(_ unit: UInt16, into output: inout [UInt8]) {
    let digits = String(unit, radix: 16)
    output += Array("\\u".utf8) + Array(repeating: 48, count: 4 - digits.utf8.count)
    output += Array(digits.utf8)
  }
}
