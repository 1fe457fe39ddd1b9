import COpenSSL

/// Makes Ed25519 signatures (RFC 8032).
public struct SigningKey: Sendable {
  public static let seedBytes = 32
  public static let signatureBytes = 64

  private let seed: [UInt8]
  public let verifying: VerifyingKey

  /// - Parameter seed: 32 secret bytes; the same seed gives the same key.
  public init(seed: [UInt8]) {
    precondition(seed.count == Self.seedBytes, "an Ed25519 key is made of 32 bytes")
    self.seed = seed
    var bytes = [UInt8](repeating: 0, count: 32)
    guard aim_ed25519_public(seed, &bytes) == 1 else {
      preconditionFailure("Ed25519 is part of every libcrypto")
    }
    verifying = VerifyingKey(trusted: bytes)
  }

  /// 64 bytes; the same for the same message.
  public func sign(_ message: [UInt8]) -> [UInt8] {
    var signature = [UInt8](repeating: 0, count: Self.signatureBytes)
    guard aim_ed25519_sign(seed, message, message.count, &signature) == 1 else {
      preconditionFailure("Ed25519 is part of every libcrypto")
    }
    return signature
  }
}

/// Checks Ed25519 signatures.
public struct VerifyingKey: Hashable, Sendable {
  public let bytes: [UInt8]

  fileprivate init(trusted bytes: [UInt8]) { self.bytes = bytes }

  /// Nil unless there are 32 bytes.
  public init?(_ bytes: [UInt8]) {
    guard bytes.count == 32 else { return nil }
    self.bytes = bytes
  }

  public func isValid(_ signature: [UInt8], of message: [UInt8]) -> Bool {
    signature.count == SigningKey.signatureBytes
      && aim_ed25519_verify(bytes, message, message.count, signature) == 1
  }
}
