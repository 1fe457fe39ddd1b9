import Wire

extension DurableGroup {
  /// Whether it is the next group after `tip`, so that it may stand behind it as it is.
  ///
  /// A repair's gap never is: what it stands for is asked of the other journal, not copied. `last`
  /// is the generation of the records before, `own` of its own; nil: there are none.
  func follows(_ tip: JournalTip, from last: Generation?, to own: Generation?) -> Bool {
    number == tip.groupNumber + 1 && throughNumber == number && previousHash == tip.hash
      && (firstSeq == tip.lastSeq.next || tip.mayPassOver(to: firstSeq, from: last, to: own))
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

extension JournalTip {
  /// Whether the group that names this tip as the one before it may begin at a later position than
  /// the next.
  ///
  /// A generation does so that took a lost cell over whose archive had lost objects at its end: no
  /// position is used twice (`JournalSeed`). That no group is missing between them the hash says.
  func mayPassOver(to firstSeq: CellSeq, from last: Generation?, to own: Generation?) -> Bool {
    guard firstSeq > lastSeq.next else { return false }
    guard let last, let own else { return true }
    return own > last
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
