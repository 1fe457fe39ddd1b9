import Wire

/// A tenant's files as of one moment, copied into a directory.
public struct TenantSnapshot: Hashable, Sendable {
  /// One copied file.
  public struct File: Hashable, Sendable {
    public let kind: FileKind
    public let name: String
    public let appliedSeq: TenantSeq
    public let digest: Digest
    public let bytes: UInt64
  }

  public let tenant: TenantID
  /// The last record that the files hold.
  public let head: TenantHead
  /// By kind; only files that exist.
  public let files: [File]
  /// The tenant's media at that moment or a little later; objects are never changed.
  public let media: [SHA256Hash]
  /// How long COMMITs of this tenant waited, in nanoseconds.
  public let pauseNanoseconds: UInt64
}

/// What a first record of kind ``RecordKind/restore`` says: the branch that it leaves, and the
/// files that it begins with.
public struct RestoreOrigin: Hashable, Sendable {
  public var tenant: TenantID
  public var lineage: Lineage
  /// The last record of that branch in the files.
  public var tenantSeq: TenantSeq
  public var hash: SHA256Hash
  /// Made for people to look at: it never sends.
  public var isFork: Bool

  public init(
    tenant: TenantID, lineage: Lineage, tenantSeq: TenantSeq, hash: SHA256Hash, isFork: Bool
  ) {
    self.tenant = tenant
    self.lineage = lineage
    self.tenantSeq = tenantSeq
    self.hash = hash
    self.isFork = isFork
  }

  var bytes: [UInt8] {
    var writer = ByteWriter()
    writer.byte(1)
    writer.text(tenant.rawValue)
    writer.integer(lineage.rawValue)
    writer.integer(tenantSeq.rawValue)
    writer.hash(hash)
    writer.byte(isFork ? 1 : 0)
    return writer.bytes
  }

  /// Reads the detail of a record; throws ``JournalError``.
  public init(decoding bytes: [UInt8]) throws(JournalError) {
    var reader = ByteReader(bytes)
    let version = try reader.byte()
    guard version == 1 else { throw JournalError.unknownFormat(UInt32(version)) }
    tenant = try reader.identifier(Int(clamping: try reader.varint()))
    lineage = Lineage(try reader.integer(UInt64.self))
    tenantSeq = TenantSeq(try reader.integer(UInt64.self))
    hash = try reader.hash()
    isFork = try reader.byte() != 0
  }
}
