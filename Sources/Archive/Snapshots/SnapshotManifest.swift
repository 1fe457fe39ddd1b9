import Storage
import Wire

/// What a snapshot holds and where its history goes on: written last, so that a snapshot without
/// one was never whole.
public struct SnapshotManifest: Codable, Hashable, Sendable {
  public struct File: Codable, Hashable, Sendable {
    public let kind: UInt8
    public let name: String
    public let bytes: UInt64
    public let appliedSeq: UInt64
    /// 32 hexadecimal digits.
    public let digest: String
    /// Numbers of its parts, in order.
    public let parts: [Part]

    enum CodingKeys: String, CodingKey {
      case kind, name, bytes, digest, parts
      case appliedSeq = "applied_seq"
    }
  }

  public struct Part: Codable, Hashable, Sendable {
    public let number: Int
    public let bytes: Int
    /// SHA-256 of the content, 64 hexadecimal digits.
    public let sha256: String
  }

  /// See ``SnapshotName``.
  public let name: String
  public let tenant: TenantID
  /// Where the records that follow were written.
  public let cell: CellID
  public let generation: Generation
  /// Records of the tenant past this position follow.
  public let cellSeq: CellSeq
  public let lineage: Lineage
  /// The record that the next one follows.
  public let tenantSeq: TenantSeq
  public let hash: String
  /// Under which it is served; of a tenant on its way here, will be.
  public let epoch: Epoch
  public let time: Timestamp
  public let schemaVersion: UInt32
  public let takenAt: Timestamp
  /// The base of a branch, stored before its first record: good for positions after it only.
  public let isBase: Bool
  public let isFork: Bool
  /// Whether it is of a tenant on its way into the cell: a base that is good only where its
  /// adoption follows in the cell's journal.
  ///
  /// Nil: no.
  public var isImport: Bool?
  /// Of an import: the cell that it comes from.
  public var cameFrom: CellID?
  /// Where it was on its way to; nil: nowhere.
  public var leaving: CellID?
  /// Where the tenant's first record lies, where its first snapshot knows it.
  public var beginsAt: CellSeq?
  public let files: [File]
  public let media: [String]

  enum CodingKeys: String, CodingKey {
    case name, tenant, cell, generation, lineage, hash, epoch, time, files, media, leaving
    case cellSeq = "cell_seq"
    case tenantSeq = "tenant_seq"
    case schemaVersion = "schema_version"
    case takenAt = "taken_at"
    case isBase = "is_base"
    case isFork = "is_fork"
    case isImport = "is_import"
    case cameFrom = "came_from"
    case beginsAt = "begins_at"
  }

  /// How far it reaches: of two at one record the base of the later branch is further.
  public var position: SnapshotPosition {
    SnapshotPosition(tenantSeq: tenantSeq, isBase: isBase, takenAt: takenAt)
  }

  public var bytes: UInt64 { files.reduce(0) { $0 + $1.bytes } }
}

/// The order of a tenant's snapshots.
public struct SnapshotPosition: Hashable, Sendable, Comparable {
  let tenantSeq: TenantSeq
  let isBase: Bool
  let takenAt: Timestamp

  public static func < (a: Self, b: Self) -> Bool {
    (a.tenantSeq, a.isBase ? 1 : 0, a.takenAt) < (b.tenantSeq, b.isBase ? 1 : 0, b.takenAt)
  }
}
