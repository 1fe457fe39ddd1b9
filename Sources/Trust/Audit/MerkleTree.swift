import Cryptography

/// The hash tree of RFC 6962: what a log's whole content is known by.
///
/// Leaf `SHA-256(0x00 ‖ data)`, node `SHA-256(0x01 ‖ left ‖ right)`; a range of n leaves splits at
/// the largest power of two below n. Hashes are 32 bytes.
public enum MerkleTree {
  /// The root of a log without entries.
  public static let emptyRoot = SHA256Digest.of([UInt8]())

  public static let hashBytes = SHA256Digest.byteCount

  public static func leaf(_ data: [UInt8]) -> [UInt8] { SHA256Digest.of(0, data) }

  public static func node(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
    SHA256Digest.of(1, left + right)
  }

  /// The root over `count` hashes that stand one after the other; nil where some are missing.
  ///
  /// - Parameter count: A power of two.
  public static func root(over hashes: [UInt8], count: Int64) -> [UInt8]? {
    precondition(count > 0 && count & (count - 1) == 0, "a complete part has a power of two")
    guard hashes.count == Int(count) * hashBytes else { return nil }
    var row = hashes
    while row.count > hashBytes { SHA256Digest.pairs(1, &row) }
    return row
  }

  /// The largest power of two below `count`; for 2 and more.
  static func split(_ count: Int64) -> Int64 {
    precondition(count > 1, "one leaf does not split")
    return 1 << Int64(63 - (count - 1).leadingZeroBitCount)
  }

  /// Gives the root of the leaves of a range whose size is a power of two and whose start is a
  /// multiple of it: what a log keeps of its complete parts.
  public typealias Subtree = (_ start: Int64, _ count: Int64) throws -> [UInt8]

  /// The root of the leaves from `start`, `count` of them.
  public static func root(from start: Int64, count: Int64, _ subtree: Subtree) throws -> [UInt8] {
    if count == 0 { return emptyRoot }
    if count & (count - 1) == 0 { return try subtree(start, count) }
    let half = split(count)
    return try node(
      root(from: start, count: half, subtree),
      root(from: start + half, count: count - half, subtree))
  }

  /// The proof that leaf `index` is in the tree of the first `size` leaves.
  public static func inclusion(
    of index: Int64, size: Int64, _ subtree: Subtree
  ) throws -> [[UInt8]] {
    precondition((0..<size).contains(index), "the leaf lies in the tree")
    var path: [[UInt8]] = []
    var start: Int64 = 0
    var count = size
    while count > 1 {
      let half = split(count)
      if index < start + half {
        path.append(try root(from: start + half, count: count - half, subtree))
        count = half
      } else {
        path.append(try root(from: start, count: half, subtree))
        start += half
        count -= half
      }
    }
    return path.reversed()
  }

  /// The proof that the tree of the first `old` leaves is the beginning of that of `size`.
  public static func consistency(
    from old: Int64, size: Int64, _ subtree: Subtree
  ) throws -> [[UInt8]] {
    precondition(old > 0 && old <= size, "the old tree is a beginning of the new one")
    return try subproof(old, from: 0, count: size, isWhole: true, subtree)
  }

  private static func subproof(
    _ old: Int64, from start: Int64, count: Int64, isWhole: Bool, _ subtree: Subtree
  ) throws -> [[UInt8]] {
    if old == count {
      return isWhole ? [] : [try root(from: start, count: count, subtree)]
    }
    let half = split(count)
    if old <= half {
      return try subproof(old, from: start, count: half, isWhole: isWhole, subtree)
        + [root(from: start + half, count: count - half, subtree)]
    }
    return try subproof(
      old - half, from: start + half, count: count - half, isWhole: false, subtree)
      + [root(from: start, count: half, subtree)]
  }

  // MARK: Checking

  /// Whether `path` proves that `leaf` is number `index` of the tree with this root (RFC 9162,
  /// 2.1.3.2).
  public static func isIncluded(
    _ leaf: [UInt8], index: Int64, size: Int64, path: [[UInt8]], root: [UInt8]
  ) -> Bool {
    guard index >= 0, index < size else { return false }
    var (fn, sn) = (index, size - 1)
    var hash = leaf
    for sibling in path {
      guard sn != 0 else { return false }
      if fn & 1 == 1 || fn == sn {
        hash = node(sibling, hash)
        while fn & 1 == 0, fn != 0 {
          fn >>= 1
          sn >>= 1
        }
      } else {
        hash = node(hash, sibling)
      }
      fn >>= 1
      sn >>= 1
    }
    return sn == 0 && hash == root
  }

  /// Whether `path` proves that the tree with `oldRoot` is the beginning of that with `newRoot`
  /// (RFC 9162, 2.1.4.2).
  public static func isConsistent(
    old: Int64, oldRoot: [UInt8], new: Int64, newRoot: [UInt8], path: [[UInt8]]
  ) -> Bool {
    guard old >= 0, old <= new else { return false }
    if old == new { return path.isEmpty && oldRoot == newRoot }
    if old == 0 { return path.isEmpty && oldRoot == emptyRoot }
    var path = path[...]
    if old & (old - 1) == 0 { path = [oldRoot] + path }
    guard let first = path.popFirst() else { return false }
    var (fn, sn) = (old - 1, new - 1)
    while fn & 1 == 1 {
      fn >>= 1
      sn >>= 1
    }
    var (fr, sr) = (first, first)
    for hash in path {
      guard sn != 0 else { return false }
      if fn & 1 == 1 || fn == sn {
        fr = node(hash, fr)
        sr = node(hash, sr)
        while fn & 1 == 0, fn != 0 {
          fn >>= 1
          sn >>= 1
        }
      } else {
        sr = node(sr, hash)
      }
      fn >>= 1
      sn >>= 1
    }
    return sn == 0 && fr == oldRoot && sr == newRoot
  }
}

/// A tree that grows, of which only the roots of complete parts are held: O(log n) memory.
public struct GrowingTree: Sendable {
  public private(set) var size: Int64 = 0
  /// Roots of complete parts, the largest first.
  private var parts: [(count: Int64, root: [UInt8])] = []

  public init() {}

  public mutating func append(leaf: [UInt8]) {
    parts.append((1, leaf))
    size += 1
    while parts.count > 1, parts[parts.count - 2].count == parts[parts.count - 1].count {
      let right = parts.removeLast()
      let left = parts.removeLast()
      parts.append((left.count * 2, MerkleTree.node(left.root, right.root)))
    }
  }

  public var root: [UInt8] {
    guard var hash = parts.last?.root else { return MerkleTree.emptyRoot }
    for part in parts.dropLast().reversed() { hash = MerkleTree.node(part.root, hash) }
    return hash
  }
}
