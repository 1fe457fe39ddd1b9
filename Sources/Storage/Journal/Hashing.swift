import COpenSSL
import CZlib

/// A SHA-256: 32 bytes held in place, so that heads and headers need no allocation.
public struct SHA256Hash: Hashable, Sendable, CustomStringConvertible {
  public static let byteCount = 32
  /// What stands for "nothing before": the previous hash of a first record.
  public static let zero = SHA256Hash(words: (0, 0, 0, 0))

  // The bytes in order, as they lie in memory.
  private var a: UInt64
  private var b: UInt64
  private var c: UInt64
  private var d: UInt64

  private init(words: (UInt64, UInt64, UInt64, UInt64)) { (a, b, c, d) = words }

  /// The hash stored in the first 32 bytes of `bytes`.
  public init(bytes: UnsafeRawBufferPointer) {
    precondition(bytes.count >= Self.byteCount, "a SHA-256 has 32 bytes")
    a = bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
    b = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    c = bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
    d = bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
  }

  /// The hash whose 32 bytes these are; nil for another number of bytes.
  public init?(copying bytes: some Collection<UInt8>) {
    guard bytes.count == Self.byteCount else { return nil }
    self = Array(bytes).withUnsafeBytes { SHA256Hash(bytes: $0) }
  }

  /// The hash of `bytes`.
  public static func of(_ bytes: UnsafeRawBufferPointer) -> SHA256Hash {
    var result = SHA256Hash.zero
    withUnsafeMutableBytes(of: &result) { out in
      _ = SHA256(
        bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count,
        out.baseAddress?.assumingMemoryBound(to: UInt8.self))
    }
    return result
  }

  public static func of(_ bytes: [UInt8]) -> SHA256Hash { bytes.withUnsafeBytes { of($0) } }

  public func withBytes<T>(_ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
    try withUnsafeBytes(of: self, body)
  }

  public var bytes: [UInt8] { withBytes { Array($0) } }

  /// 64 lower-case hexadecimal digits.
  public var description: String {
    let digits = Array("0123456789abcdef".utf8)
    let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return String(decoding: text, as: UTF8.self)
  }
}

/// CRC-32 as zlib computes it: finds accidents, not intent; chains of hashes find the rest.
public enum CRC32 {
  /// The CRC of `bytes`, continuing from `start` (0 at the beginning).
  public static func of(_ bytes: UnsafeRawBufferPointer, from start: UInt32 = 0) -> UInt32 {
    UInt32(
      truncatingIfNeeded: crc32_z(
        UInt(start), bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count))
  }

  public static func of(_ bytes: [UInt8], from start: UInt32 = 0) -> UInt32 {
    bytes.withUnsafeBytes { of($0, from: start) }
  }
}
