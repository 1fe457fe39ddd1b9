import Cryptography
import Wire

/// What a cell asks the witness to sign: a tenant's checkpoint, and the proof that its log goes on
/// from the one that was signed last.
///
/// As text: tenant, the log's key, the size signed last, the proof's hashes with blanks between
/// them, each on a line; then the checkpoint.
public struct WitnessStatement: Hashable, Sendable {
  public let tenant: TenantID
  public let key: VerifyingKey
  public let checkpoint: Checkpoint
  public let previousSize: Int64
  public let proof: [[UInt8]]

  public init(
    tenant: TenantID, key: VerifyingKey, checkpoint: Checkpoint, previousSize: Int64,
    proof: [[UInt8]]
  ) {
    self.tenant = tenant
    self.key = key
    self.checkpoint = checkpoint
    self.previousSize = previousSize
    self.proof = proof
  }

  public var bytes: [UInt8] {
    let hashes = proof.map(\.hexText).joined(separator: " ")
    return Array(
      "\(tenant)\n\(key.bytes.hexText)\n\(previousSize)\n\(hashes)\n\(checkpoint.text)".utf8)
  }

  /// Nil for anything else.
  public init?(_ bytes: [UInt8]) {
    guard bytes.count <= 64 << 10, let text = String(validating: bytes, as: UTF8.self) else {
      return nil
    }
    let lines = text.split(separator: "\n", maxSplits: 4, omittingEmptySubsequences: false)
    guard lines.count == 5, let tenant = TenantID(String(lines[0])),
      let key = [UInt8](hexText: String(lines[1])).flatMap({ VerifyingKey($0) }),
      let previousSize = Int64(lines[2]), let checkpoint = Checkpoint(String(lines[4])),
      checkpoint.origin == Checkpoint.origin(ofTenant: tenant.rawValue)
    else { return nil }
    let hashes = lines[3].split(separator: " ").compactMap { [UInt8](hexText: String($0)) }
    guard hashes.count <= 128, hashes.allSatisfy({ $0.count == 32 }) else { return nil }
    self.init(
      tenant: tenant, key: key, checkpoint: checkpoint, previousSize: previousSize,
      proof: hashes)
  }

  /// Whether the log goes on from what the witness signed last; anything does from nothing.
  public func goesOn(from last: Checkpoint?) -> Bool {
    guard let last else { return true }
    guard last.size == previousSize || last.size == checkpoint.size else { return false }
    return MerkleTree.isConsistent(
      old: last.size, oldRoot: last.root, new: checkpoint.size, newRoot: checkpoint.root,
      path: last.size == checkpoint.size ? [] : proof)
  }
}
