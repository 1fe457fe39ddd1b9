import Storage
import Wire

/// One tenant's materialized state: what SQLite holds in the product, as rows of text.
///
/// Changed only by committing a whole record, so that a half-applied one cannot be written.
struct TenantImage: Hashable {
  private(set) var rows: [String: String] = [:]
  private(set) var applied = TenantSeq.zero
  private(set) var digest: UInt128 = 0
  /// How many effects stand under each idempotency key, and their sum.
  private(set) var effects: [String: Int] = [:]
  private(set) var spent = 0

  subscript(key: String) -> String? { rows[key] }
  func number(_ key: String) -> Int { rows[key].flatMap { Int($0) } ?? 0 }

  /// The digest after `changes`.
  func digest(after changes: [RowChange]) -> UInt128 {
    var seen: [String: String] = [:]
    var result = digest
    for change in changes {
      if let old = seen[change.key] ?? rows[change.key] { result &-= Self.hash(change.key, old) }
      result &+= Self.hash(change.key, change.value)
      seen[change.key] = change.value
    }
    return result
  }

  /// Applies what one durable record changed.
  mutating func commit(_ changes: [RowChange], at seq: TenantSeq) {
    digest = digest(after: changes)
    for change in changes {
      rows[change.key] = change.value
      // An effect's row is `effect:<key>:<where>`: there must be one per key.
      let parts = change.key.split(separator: ":")
      guard parts.count == 3, parts[0] == "effect" else { continue }
      effects[String(parts[1]), default: 0] += 1
      spent += Int(change.value) ?? 0
    }
    applied = seq
  }

  /// All rows as changes that make them, in order.
  var asChanges: [RowChange] {
    rows.keys.sorted().map { RowChange(key: $0, value: rows[$0] ?? "") }
  }

  /// FNV-1a, twice: the same in every run, unlike Swift's own hash.
  private static func hash(_ key: String, _ value: String) -> UInt128 {
    var low: UInt64 = 0xCBF2_9CE4_8422_2325
    var high: UInt64 = 0x9E37_79B9_7F4A_7C15
    for text in [key, value] {
      for byte in text.utf8 {
        low = (low ^ UInt64(byte)) &* 0x100_0000_01B3
        high = (high ^ UInt64(byte)) &* 0x100_0000_01B3
      }
      low = (low ^ 0xFF) &* 0x100_0000_01B3
    }
    return UInt128(high) << 64 | UInt128(low)
  }
}

/// A row that a command set.
struct RowChange: Hashable {
  let key: String
  let value: String

  static func encode(_ changes: [RowChange]) -> [UInt8] {
    Array(changes.map { "\($0.key)=\($0.value)" }.joined(separator: "\n").utf8)
  }

  static func decode(_ bytes: some Sequence<UInt8>) -> [RowChange] {
    String(decoding: Array(bytes), as: UTF8.self).split(separator: "\n").compactMap {
      (line: Substring) -> RowChange? in
      guard let equals = line.firstIndex(of: "=") else { return nil }
      return RowChange(
        key: String(line[..<equals]), value: String(line[equals...].dropFirst()))
    }
  }
}
