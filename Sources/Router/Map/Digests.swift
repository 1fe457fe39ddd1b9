import COpenSSL

/// libcrypto's hashes, as the router needs them.
enum Digests {
  static func sha256(_ bytes: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
      _ = SHA256(bytes, bytes.count, buffer.baseAddress)
      count = 32
    }
  }

  static func hmacSHA256(key: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
      var length: UInt32 = 32
      _ = HMAC(
        EVP_sha256(), key, Int32(key.count), bytes, bytes.count, buffer.baseAddress, &length)
      count = Int(length)
    }
  }

  /// Compares in a time that tells nothing about where two texts of equal length differ.
  static func areEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
    one.count == other.count && CRYPTO_memcmp(one, other, one.count) == 0
  }
}
