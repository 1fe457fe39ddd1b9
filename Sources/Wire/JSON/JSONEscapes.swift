/// Undoes the escapes of a JSON string that the parser has accepted.
enum JSONEscapes {
  static func isHex(_ byte: UInt8) -> Bool { hexValue(byte) != nil }

  /// The text of the bytes between the quotes.
  static func decode(_ bytes: ArraySlice<UInt8>) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count)
    var at = bytes.startIndex
    while at < bytes.endIndex {
      guard bytes[at] == UInt8(ascii: "\\") else {
        text.append(bytes[at])
        at += 1
        continue
      }
      switch bytes[at + 1] {
      case UInt8(ascii: "b"): text.append(0x08)
      case UInt8(ascii: "f"): text.append(0x0C)
      case UInt8(ascii: "n"): text.append(0x0A)
      case UInt8(ascii: "r"): text.append(0x0D)
      case UInt8(ascii: "t"): text.append(0x09)
      case UInt8(ascii: "u"):
        let (scalar, length) = scalar(bytes, at)
        text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        at += length
        continue
      case let plain: text.append(plain)
      }
      at += 2
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The scalar that the escape at `at` writes, alone or with the escape behind it.
  private static func scalar(
    _ bytes: ArraySlice<UInt8>, _ at: Int
  ) -> (scalar: Unicode.Scalar, length: Int) {
    let unit = unit(bytes, at)
    if let scalar = Unicode.Scalar(unit) { return (scalar, 6) }
    let low = at + 6
    if unit < 0xDC00, low + 6 <= bytes.endIndex, bytes[low] == UInt8(ascii: "\\"),
      bytes[low + 1] == UInt8(ascii: "u")
    {
      let second = self.unit(bytes, low)
      if (0xDC00...0xDFFF).contains(second),
        let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (second - 0xDC00))
      {
        return (scalar, 12)
      }
    }
    return ("\u{FFFD}", 6)
  }

  private static func unit(_ bytes: ArraySlice<UInt8>, _ at: Int) -> UInt32 {
    bytes[at + 2..<at + 6].reduce(0) { $0 << 4 | UInt32(hexValue($1) ?? 0) }
  }

  private static func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
