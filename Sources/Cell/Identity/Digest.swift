import Cryptography

/// SHA-256, and comparison that takes the same time wherever two values differ.
enum Digest {
  static func sha256(_ bytes: some Sequence<UInt8>) -> [UInt8] { SHA256Digest.of(bytes) }

  static func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool { ConstantTime.equal(a, b) }
}
