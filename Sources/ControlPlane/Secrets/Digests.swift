import Cryptography

/// Hashes of the platform's secrets.
enum Digests {
  /// SHA-256, 32 bytes.
  static func sha256(_ bytes: [UInt8]) -> [UInt8] { SHA256Digest.of(bytes) }

  static func sha256(_ text: String) -> [UInt8] { sha256(Array(text.utf8)) }

  /// HMAC with SHA-256, 32 bytes.
  static func hmac(key: [UInt8], _ message: String) -> [UInt8] {
    KeyedHash.sha256(key: key, Array(message.utf8))
  }

  /// Whether two byte strings are equal, in time that depends on their lengths only.
  static func constantTimeEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool { ConstantTime.equal(a, b) }
}

extension [UInt8] {
  /// Lower-case hexadecimal.
  var hex: String {
    let digits = Array<UInt8>("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(count * 2)
    for byte in self {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The first `characters` digits of lower-case base 32 (RFC 4648 alphabet), without padding.
  func base32(characters: Int) -> String {
    let digits = Array<UInt8>("abcdefghijklmnopqrstuvwxyz234567".utf8)
    var text: [UInt8] = []
    var buffer: UInt32 = 0
    var bits = 0
    for byte in self where text.count < characters {
      buffer = (buffer << 8 | UInt32(byte)) & 0xFFFF
      bits += 8
      while bits >= 5, text.count < characters {
        bits -= 5
        text.append(digits[Int(buffer >> UInt32(bits)) & 31])
      }
    }
    // What is left of the last byte, filled up with zeros.
    if bits > 0, text.count < characters {
      text.append(digits[Int(buffer << UInt32(5 - bits)) & 31])
    }
    return String(decoding: text, as: UTF8.self)
  }
}
