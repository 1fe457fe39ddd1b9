import COpenSSL

/// SHA-256 of bytes: 32 bytes.
public enum SHA256Digest {
  public static let byteCount = 32

  public static func of(_ bytes: some Sequence<UInt8>) -> [UInt8] { of(Array(bytes)) }

  public static func of(_ bytes: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
      aim_sha256(bytes, bytes.count, buffer.baseAddress)
      count = byteCount
    }
  }
}

extension SHA256Digest {
  /// The hash of one byte and what follows it: how a hash tree tells leaves from nodes.
  public static func of(_ prefix: UInt8, _ bytes: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
      aim_sha256_prefixed(prefix, bytes, bytes.count, buffer.baseAddress)
      count = byteCount
    }
  }

  /// Hashes a row of hashes in pairs, each behind `prefix`: half as many.
  ///
  /// In place: a pair is read before its hash is written where the row of results goes on.
  public static func pairs(_ prefix: UInt8, _ row: inout [UInt8]) {
    let pairs = row.count / (2 * byteCount)
    precondition(row.count == pairs * 2 * byteCount, "a row has pairs of hashes")
    row.withUnsafeMutableBufferPointer { row in
      guard let base = row.baseAddress else { return }
      for pair in 0..<pairs {
        aim_sha256_prefixed(
          prefix, base + pair * 2 * byteCount, 2 * byteCount, base + pair * byteCount)
      }
    }
    row.removeLast(pairs * byteCount)
  }
}

/// Keyed hashes (RFC 2104) and keys derived with them (RFC 5869).
public enum KeyedHash {
  /// HMAC with SHA-256: 32 bytes.
  public static func sha256(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
    run(EVP_sha256(), 32, key, message)
  }

  /// HMAC with SHA-1: 20 bytes.
  ///
  /// For one-time codes only, whose standard asks for it.
  public static func sha1(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
    run(EVP_sha1(), 20, key, message)
  }

  /// HKDF with SHA-256: `count` bytes (at most 8,160) out of `secret`, bound to `info`.
  public static func derive(
    from secret: [UInt8], salt: [UInt8] = [], info: String, count: Int = 32
  ) -> [UInt8] {
    precondition((1...255 * 32).contains(count), "HKDF gives 1 to 8160 bytes")
    let key = sha256(key: salt.isEmpty ? [UInt8](repeating: 0, count: 32) : salt, secret)
    var result: [UInt8] = []
    var block: [UInt8] = []
    var index: UInt8 = 1
    while result.count < count {
      block = sha256(key: key, block + Array(info.utf8) + [index])
      result += block
      index &+= 1
    }
    return Array(result.prefix(count))
  }

  private static func run(
    _ hash: OpaquePointer?, _ count: Int, _ key: [UInt8], _ message: [UInt8]
  ) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
      var length: UInt32 = 0
      HMAC(
        hash, key, Int32(key.count), message, message.count, buffer.baseAddress, &length)
      written = count
    }
  }
}

/// Comparison of secrets.
public enum ConstantTime {
  /// Whether two byte strings are equal, in time that depends on their lengths only.
  public static func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0
  }
}
