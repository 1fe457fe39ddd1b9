import Storage
import Wire

/// How objects are called; numbers are 16 hexadecimal digits, so that names sort as they do.
public enum ArchiveNames {
  static let allClaims = "claims/"

  public static func claims(_ cell: CellID) -> String { allClaims + "\(cell)/" }

  /// Nil for a name of something else.
  static func cell(ofClaim name: String) -> CellID? {
    let parts = name.split(separator: "/")
    return parts.count == 3 ? CellID(String(parts[1])) : nil
  }

  public static func claim(_ cell: CellID, _ generation: Generation) -> String {
    claims(cell) + ArchiveHex.encode(generation.rawValue)
  }

  public static func journal(_ cell: CellID) -> String { "journal/\(cell)/" }

  static func journal(_ cell: CellID, _ generation: Generation) -> String {
    journal(cell) + ArchiveHex.encode(generation.rawValue) + "/"
  }

  public static func journal(_ cell: CellID, _ span: JournalSpan) -> String {
    journal(cell, span.generation) + ArchiveHex.encode(span.first.rawValue) + "-"
      + ArchiveHex.encode(span.last.rawValue)
  }

  /// Nil for a name of something else.
  public static func span(_ name: String, of cell: CellID) -> JournalSpan? {
    let prefix = journal(cell)
    guard name.hasPrefix(prefix) else { return nil }
    let parts = name.dropFirst(prefix.count).split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    let ends = parts[1].split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, let generation = number(parts[0]), let first = number(ends[0]),
      let last = number(ends[1]), first <= last
    else { return nil }
    return JournalSpan(
      generation: Generation(generation), first: CellSeq(first), last: CellSeq(last))
  }

  static func heads(_ cell: CellID) -> String { "heads/\(cell)/" }

  static func heads(_ cell: CellID, _ name: HeadsName) -> String {
    heads(cell) + ArchiveHex.encode(name.generation.rawValue) + "/"
      + ArchiveHex.encode(name.through.rawValue)
  }

  /// Nil for a name of something else.
  static func headsName(_ name: String, of cell: CellID) -> HeadsName? {
    let prefix = heads(cell)
    guard name.hasPrefix(prefix) else { return nil }
    let parts = name.dropFirst(prefix.count).split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let generation = number(parts[0]), let through = number(parts[1])
    else { return nil }
    return HeadsName(generation: Generation(generation), through: CellSeq(through))
  }

  public static func generation(ofClaim name: String, _ cell: CellID) -> Generation? {
    guard name.hasPrefix(claims(cell)) else { return nil }
    return number(name.dropFirst(claims(cell).count)).map { Generation($0) }
  }

  public static let tenants = "tenants/"

  public static func snapshots(_ tenant: TenantID) -> String { "tenants/\(tenant)/snapshots/" }

  public static func manifest(_ tenant: TenantID, _ snapshot: String) -> String {
    "\(snapshots(tenant))\(snapshot)/manifest"
  }

  public static func part(_ tenant: TenantID, _ snapshot: String, _ number: Int) -> String {
    "\(snapshots(tenant))\(snapshot)/\(ArchiveHex.encode(UInt64(number)))"
  }

  public static func media(_ tenant: TenantID) -> String { "tenants/\(tenant)/media/" }

  public static func media(_ tenant: TenantID, _ hash: SHA256Hash) -> String {
    media(tenant) + "\(hash)"
  }

  /// Which tenant an object is of, and the snapshot whose manifest or part it is.
  public static func owner(_ name: String) -> (tenant: TenantID, snapshot: SnapshotName?)? {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count >= 4, parts[0] == "tenants", let tenant = TenantID(parts[1]) else {
      return nil
    }
    guard parts[2] == "snapshots", parts.count == 5 else { return (tenant, nil) }
    return (tenant, SnapshotName(parts[3]))
  }

  static func number(_ text: some StringProtocol) -> UInt64? {
    guard text.utf8.count == 16, text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }) else {
      return nil
    }
    return UInt64(text, radix: 16)
  }
}

/// What of a cell's journal one object holds: whole groups, with these positions.
public struct JournalSpan: Hashable, Sendable, Comparable {
  public var generation: Generation
  public var first: CellSeq
  public var last: CellSeq

  public init(generation: Generation, first: CellSeq, last: CellSeq) {
    self.generation = generation
    self.first = first
    self.last = last
  }

  /// By where they begin; of two, the longer first.
  public static func < (a: Self, b: Self) -> Bool {
    (a.generation, a.first, b.last) < (b.generation, b.first, a.last)
  }
}

/// Up to which position an object says each tenant's last record; see ``ArchivedHeads``.
struct HeadsName: Hashable, Sendable {
  let generation: Generation
  let through: CellSeq
}

/// A snapshot's name: `<last tenant_seq>-<lineage>-<random>`, so that a listing says how far each
/// reaches.
public struct SnapshotName: Hashable, Sendable, CustomStringConvertible {
  public let tenantSeq: TenantSeq
  public let lineage: Lineage
  public let nonce: UInt64

  public init(tenantSeq: TenantSeq, lineage: Lineage, nonce: UInt64) {
    self.tenantSeq = tenantSeq
    self.lineage = lineage
    self.nonce = nonce
  }

  public init?(_ text: String) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, let seq = ArchiveNames.number(parts[0]),
      let lineage = ArchiveNames.number(parts[1]), let nonce = ArchiveNames.number(parts[2])
    else { return nil }
    self.init(tenantSeq: TenantSeq(seq), lineage: Lineage(lineage), nonce: nonce)
  }

  public var description: String {
    [tenantSeq.rawValue, lineage.rawValue, nonce].map(ArchiveHex.encode).joined(separator: "-")
  }
}
