import Cryptography
import Platform

/// The map's file sealed: it holds the Meta apps' secrets, and a copied disk must not tell them.
struct MapSeal: Sendable {
  private static let mark = Array("aimstors-map-sealed/1\n".utf8)
  private static let owner = "placement.map"

  /// 32 bytes, made of the deployment's key for this purpose alone.
  let key: [UInt8]
  let random: any RandomSource

  func seal(_ bytes: [UInt8]) -> [UInt8] {
    Self.mark
      + SealedSecret.seal(
        bytes, key: key, owner: Self.owner, nonce: random.bytes(AuthenticatedCipher.nonceBytes))
  }

  static func isSealed(_ bytes: [UInt8]) -> Bool { bytes.starts(with: mark) }

  /// Nil where it was sealed with another key, or changed.
  func open(_ bytes: [UInt8]) -> [UInt8]? {
    SealedSecret.open(Array(bytes.dropFirst(Self.mark.count)), key: key, owner: Self.owner)
  }
}
