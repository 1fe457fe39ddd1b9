import Storage
import Trust
import Wire

/// A tenant's audit log: appends inside the command's own transaction, and proves.
///
/// Roots of complete tiles of 256 and 65,536 entries are kept, so that a proof reads at most a few
/// hundred hashes however long the log is, and an entry writes one row.
struct AuditLog {
  static let tileBits: Int64 = 8
  private let store: AuditStore

  init(_ transaction: Transaction) throws { store = try AuditStore(transaction) }
  init(_ snapshot: Snapshot) { store = AuditStore(snapshot) }

  /// Adds an entry at the transaction's time; answers its position.
  @discardableResult
  func append(_ event: AuditEvent, at now: Timestamp) throws -> Int64 {
    var event = event
    event.sequence = try store.size()
    event.at = now
    let body = event.json
    try store.insert(event, body: body, leaf: MerkleTree.leaf(body))
    if AlertRule.isAlert(event) { try store.insertAlert(event.sequence) }
    try closeTiles(size: event.sequence + 1)
    return event.sequence
  }

  func size() throws -> Int64 { try store.size() }

  func root(size: Int64) throws -> [UInt8] {
    try MerkleTree.root(from: 0, count: size, subtree)
  }

  /// Throws `invalid_field` for a position that is not in the tree of `size` entries.
  func inclusion(of index: Int64, size: Int64) throws -> [[UInt8]] {
    guard index >= 0, index < size, try size <= store.size() else {
      throw Failure(.invalidField, "sequence must be in the log, and size at most its own")
    }
    return try MerkleTree.inclusion(of: index, size: size, subtree)
  }

  /// Throws `invalid_field` unless 0 < old ≤ size ≤ the log's size.
  func consistency(from old: Int64, size: Int64) throws -> [[UInt8]] {
    guard old > 0, old <= size, try size <= store.size() else {
      throw Failure(.invalidField, "from must be at least 1, at most to, and that in the log")
    }
    return try MerkleTree.consistency(from: old, size: size, subtree)
  }

  /// Keeps the roots of the tiles that the newest entry has completed.
  ///
  /// A log that lacks entries gets none there: it goes on, and what proves it tells.
  private func closeTiles(size: Int64) throws {
    for level in Int64(1)...2 {
      let span = Int64(1) << (Self.tileBits * level)
      guard size.isMultiple(of: span) else { return }
      let below =
        level == 1
        ? try store.leaves(from: size - span, count: span)
        : try store.tiles(level: level - 1, from: (size - span) >> Self.tileBits, count: 256)
      guard let root = MerkleTree.root(over: below, count: 256) else { return }
      try store.putTile(level: level, position: size / span - 1, root: root)
    }
  }

  /// The root of an aligned range whose size is a power of two.
  ///
  /// Throws `verification_failed` where the log lacks entries.
  private func subtree(_ start: Int64, _ count: Int64) throws -> [UInt8] {
    let root: [UInt8]?
    if count < 1 << Self.tileBits {
      root = MerkleTree.root(over: try store.leaves(from: start, count: count), count: count)
    } else {
      let level: Int64 = count < 1 << (2 * Self.tileBits) ? 1 : 2
      let shift = Self.tileBits * level
      root = MerkleTree.root(
        over: try store.tiles(level: level, from: start >> shift, count: count >> shift),
        count: count >> shift)
    }
    guard let root else {
      throw Failure(.verificationFailed, "the audit log lacks entries near position \(start)")
    }
    return root
  }
}
