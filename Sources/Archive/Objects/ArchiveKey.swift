import Cryptography
import Platform
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
    self.init(checked: secret, deployment: deployment)
  }

  /// A key that nobody has had before.
  static func fresh(deployment: String, random: any RandomSource) -> ArchiveKey {
    ArchiveKey(checked: random.bytes(byteCount), deployment: deployment)
  }

  private init(checked secret: [UInt8], deployment: String) {
    self.secret = secret
    self.deployment = deployment
    id = ArchiveHex.encode(
      KeyedHash.derive(
        from: secret, salt: Array("aimstors archive".utf8), info: "key id", count: 8))
  }

  /// The key itself as digits, for its file only.
  public var digits: String { ArchiveHex.encode(secret) }

  /// The key of one object.
  func objectKey(salt: [UInt8]) -> [UInt8] {
    KeyedHash.derive(from: secret, salt: salt, info: "aimstors archive object")
  }
}

/// Bytes as lower-case hexadecimal digits.
public enum ArchiveHex {
  public static func encode(_ bytes: [UInt8]) -> String { bytes.hexText }

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
