import COpenSSL

/// The secret that every process of a deployment holds, and that each proves to hold in the hello.
public struct DeploymentKey: Hashable, Sendable {
  public static let byteCount = 32
  private let bytes: [UInt8]

  /// Nil unless `bytes` are exactly ``byteCount``.
  public init?(_ bytes: [UInt8]) {
    guard bytes.count == Self.byteCount else { return nil }
    self.bytes = bytes
  }

  /// HMAC-SHA256 of `parts`, one after the other, under this key and a purpose that separates uses.
  func proof(_ purpose: String, _ parts: [UInt8]...) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(purpose)
    for part in parts {
      writer.append(UInt32(part.count))
      writer.append(part)
    }
    var result = [UInt8](repeating: 0, count: Self.byteCount)
    var count: UInt32 = 0
    let message = writer.bytes
    let made = HMAC(
      EVP_sha256(), bytes, Int32(bytes.count), message, message.count, &result, &count)
    // HMAC-SHA256 of bytes in memory fails only when memory is exhausted.
    precondition(made != nil && count == 32, "HMAC-SHA256 failed")
    return result
  }

  /// Whether two proofs are equal, in time that does not depend on where they differ.
  static func equal(_ one: [UInt8], _ other: [UInt8]) -> Bool {
    one.count == other.count && CRYPTO_memcmp(one, other, one.count) == 0
  }
}

extension DeploymentKey: CustomStringConvertible, CustomReflectable {
  public var description: String { "DeploymentKey(…)" }
  public var customMirror: Mirror { Mirror(self, children: []) }
}
