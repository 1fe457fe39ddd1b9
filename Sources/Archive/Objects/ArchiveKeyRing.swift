import Cryptography
import Platform

/// The keys of one deployment's archive: the newest seals, all of them open.
///
/// An older key stays for as long as anything that it sealed is kept, and claims, media and signed
/// checkpoints are kept for ever.
public struct ArchiveKeys: Hashable, Sendable {
  /// Keys of one file.
  public static let maximum = 16

  /// The newest first; one at least.
  public let all: [ArchiveKey]

  public var newest: ArchiveKey { all[0] }
  public var deployment: String { newest.deployment }

  public init(_ key: ArchiveKey) { all = [key] }

  /// Throws ``ArchiveError/key(_:)`` for none, too many, one twice, or keys of two deployments.
  public init(_ keys: [ArchiveKey]) throws(ArchiveError) {
    guard (1...Self.maximum).contains(keys.count) else {
      throw .key("there are \(keys.count) keys; 1 to \(Self.maximum) are possible")
    }
    guard Set(keys.map(\.id)).count == keys.count else { throw .key("a key is there twice") }
    guard Set(keys.map(\.deployment)).count == 1 else { throw .key("two deployments") }
    all = keys
  }

  /// The first key of a new deployment.
  public static func fresh(random: any RandomSource) -> ArchiveKeys {
    ArchiveKeys(
      ArchiveKey.fresh(deployment: ArchiveHex.encode(random.bytes(16)), random: random))
  }

  /// With a fresh key, which seals from now on; throws where there are as many as can be.
  public func rotated(random: any RandomSource) throws(ArchiveError) -> ArchiveKeys {
    try ArchiveKeys([ArchiveKey.fresh(deployment: deployment, random: random)] + all)
  }

  func key(_ id: String) -> ArchiveKey? { all.first { $0.id == id } }
}

/// The archive's keys as they are now.
public typealias ArchiveKeyRing = KeysInForce<ArchiveKeys>
