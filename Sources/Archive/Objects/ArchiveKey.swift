import COpenSSL
import Wire

/// The key that seals a deployment's archive, and the deployment that it seals for.
public struct ArchiveKey: Hashable, Sendable {
  public static let byteCount = 32
  /// Names the deployment: 32 hexadecimal digits.
  public let deployment: String
  /// Names the key without telling it: 16 hexadecimal digits.
  public let id: String
  private let secret: [UInt8]

  /// Throws ``ArchiveError/key(_:)`` where a length is wrong.
  public init(_ secret: [UInt8], deployment: String) throws(ArchiveError) {
    guard secret.count == Self.byteCount else {
      throw .key("it has \(secret.count) bytes instead of \(Self.byteCount)")
    }
    guard deployment.utf8.count == 32, ArchiveHex.decode(deployment) != nil else {
      throw .key("the deployment's name is not 32 hexadecimal digits")
    }
    self.secret = secret
    self.deployment = deployment
    id = ArchiveHex.encode(
      Array(Self.derive(secret, salt: Array("aimstors archive".utf8), info: "key id").prefix(8)))
  }

  /// The key of one object.
  func objectKey(salt: [UInt8]) -> [UInt8] {
    Self.derive(secret, salt: salt, info: "aimstors archive object")
  }

  /// HKDF-SHA256, one block of output.
  static func derive(_ key: [UInt8], salt: [UInt8], info: String) -> [UInt8] {
    mac(mac(salt, key), Array(info.utf8) + [1])
  }

  static func mac(_ key: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: 32)
    var length: UInt32 = 0
    _ = HMAC(EVP_sha256(), key, Int32(key.count), bytes, bytes.count, &result, &length)
    return result
  }
}

/// Bytes as lower-case hexadecimal digits.
public enum ArchiveHex {
  public static func encode(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// 16 digits, so that names sort as their numbers do.
  public static func encode(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// Nil where it is not an even number of digits.
  public static func decode(_ text: String) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = value(digits[index]), let low = value(digits[index + 1]) else { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
