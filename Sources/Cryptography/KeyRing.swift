import Synchronization

/// The keys that are in force; replaced while the process runs.
public final class KeysInForce<Keys: Hashable & Sendable>: Sendable {
  private let state: Mutex<Keys>

  public init(_ keys: Keys) { state = Mutex(keys) }

  public var keys: Keys { state.withLock { $0 } }

  /// Puts other keys in force; answers whether they differ.
  @discardableResult
  public func replace(with keys: Keys) -> Bool {
    state.withLock { current in
      guard current != keys else { return false }
      current = keys
      return true
    }
  }
}

/// The keys that secrets are sealed with, as they are now.
public typealias KeyRing = KeysInForce<SealingKeys>

/// What a key file holds.
public struct SealingKeys: Hashable, Sendable {
  /// The newest first: it seals, all of them open.
  public let sealing: [[UInt8]]
  /// What the keys of audit logs are made of; nil: the oldest sealing key, as it was before the
  /// first rotation.
  public let auditRoot: [UInt8]?

  /// - Parameter sealing: 32 bytes each, one at least.
  public init(sealing: [[UInt8]], auditRoot: [UInt8]? = nil) {
    precondition(
      !sealing.isEmpty
        && (sealing + (auditRoot.map { [$0] } ?? [])).allSatisfy {
          $0.count == AuthenticatedCipher.keyBytes
        }, "AES-256 has a key of 32 bytes")
    self.sealing = sealing
    self.auditRoot = auditRoot
  }
}
