/// Numbers and randomness as `0-9 A-Z a-z`.
public enum Base62 {
  private static let digits = Array(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

  public static func contains(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"):
      true
    default: false
    }
  }

  /// Whether `text` is exactly `length` digits.
  public static func isText(_ text: String, length: Int) -> Bool {
    text.utf8.count == length && text.utf8.allSatisfy(contains)
  }

  /// `number`, most significant digit first, with leading zeros up to `length` digits.
  public static func text(of number: UInt32, length: Int) -> String {
    var rest = UInt64(number)
    var result = [UInt8](repeating: digits[0], count: length)
    for index in stride(from: length - 1, through: 0, by: -1) {
      result[index] = digits[Int(rest % 62)]
      rest /= 62
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// `length` digits, each equally likely.
  ///
  /// `random` gives as many random bytes as it is asked for.
  public static func draw(_ length: Int, from random: (Int) -> [UInt8]) -> String {
    var result: [UInt8] = []
    while result.count < length {
      // Bytes from 248 on would make the first digits likelier.
      for byte in random(length + 4) where byte < 248 && result.count < length {
        result.append(digits[Int(byte % 62)])
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
