import Wire

extension DurableGroup {
  /// Whether it is the next group after `tip`, so that it may stand behind it as it is.
  ///
  /// A repair's gap never is: what it stands for is asked of the other journal, not copied.
  func follows(_ tip: JournalTip) -> Bool {
    number == tip.groupNumber + 1 && throughNumber == number && previousHash == tip.hash
      && firstSeq == tip.lastSeq.next
  }

  /// What the writer of a copy keeps of a group: the list that the next group carries.
  struct Entries {
    let list: GroupList
    /// The generation under which its records were written; nil in a seal.
    let generation: Generation?

    /// Bytes that a seal behind the group takes.
    var sealBytes: Int { GroupFormat.overhead + list.bytes.count }
  }

  func listEntries() throws(JournalError) -> Entries {
    let records = try records()
    var writer = ByteWriter(capacity: records.count * 24)
    for record in records {
      GroupFormat.encode(
        GroupListEntry(tenant: record.identity.tenant, tenantSeq: record.identity.tenantSeq),
        into: &writer)
    }
    return Entries(
      list: GroupList(firstSeq: firstSeq, count: records.count, bytes: writer.bytes),
      generation: records.first?.position.generation)
  }
}

/// Where a journal ends.
///
/// Two journals of one cell are equal up to a group that has one hash in both.
public struct JournalEnd: Hashable, Sendable {
  /// The last group's number; 0 before the first.
  public var group: UInt64
  /// The last position; 0 before the first.
  public var seq: CellSeq
  /// The last group's hash.
  public var hash: SHA256Hash

  public init(group: UInt64, seq: CellSeq, hash: SHA256Hash) {
    self.group = group
    self.seq = seq
    self.hash = hash
  }

  public static let start = JournalEnd(group: 0, seq: CellSeq(0), hash: .zero)
}
