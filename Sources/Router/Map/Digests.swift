import Cryptography

/// The hashes that the router needs.
enum Digests {
  static func sha256(_ bytes: [UInt8]) -> [UInt8] { SHA256Digest.of(bytes) }

  static func hmacSHA256(key: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
    KeyedHash.sha256(key: key, bytes)
  }

  /// Compares in a time that tells nothing about where two texts of equal length differ.
  static func areEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool { ConstantTime.equal(one, other) }
}
