import Storage
import Wire

/// One tenant's records as they stand in one journal, in a single word: four bits each.
struct MoveHistory: Hashable {
  enum Entry: UInt64 {
    // Commands of an owner; which of them is what an oracle looks for.
    case write0 = 1
    case write1
    case write2
    // At a source, links of the chain.
    case begin
    case burn
    case release
    // At a target: the last is a link of the chain, the others stand beside it.
    case importing
    case ready
    case refuse
    case adopt

    static func write(_ number: Int) -> Entry { [.write0, .write1, .write2][number] }
    var write: Int? { rawValue <= 3 ? Int(rawValue) - 1 : nil }

    var kind: RecordKind {
      switch self {
      case .write0, .write1, .write2: .commands
      case .begin: .begin
      case .burn: .burn
      case .release: .release
      case .importing: .import
      case .ready: .ready
      case .refuse: .refuse
      case .adopt: .adopt
      }
    }
  }

  private(set) var bits: UInt64 = 0

  init() {}
  init(bits: UInt64) { self.bits = bits }

  var count: Int { (67 - bits.leadingZeroBitCount) / 4 }

  subscript(index: Int) -> Entry {
    guard let entry = Entry(rawValue: bits >> UInt64(index * 4) & 15) else {
      preconditionFailure("no entry \(index)")
    }
    return entry
  }

  func prefix(_ length: Int) -> MoveHistory {
    MoveHistory(bits: bits & ((1 << UInt64(length * 4)) - 1))
  }

  func starts(with other: MoveHistory) -> Bool { prefix(other.count) == other }

  func appending(_ entry: Entry) -> MoveHistory {
    // The top nibble is left free: messages put their kind there.
    precondition(count < 15, "a history of more entries than a word holds")
    return MoveHistory(bits: bits | entry.rawValue << UInt64(count * 4))
  }

  mutating func append(_ entry: Entry) { self = appending(entry) }

  func firstIndex(of entry: Entry) -> Int? { (0..<count).first { self[$0] == entry } }
  func contains(_ entry: Entry) -> Bool { firstIndex(of: entry) != nil }

  /// A bit for each command in it.
  var writes: UInt8 {
    var found: UInt8 = 0
    for index in 0..<count {
      if let write = self[index].write { found |= 1 << UInt8(write) }
    }
    return found
  }

  /// Without what stands beside the chain.
  var chain: MoveHistory {
    var chain = MoveHistory()
    for index in 0..<count where self[index].kind.isInChain { chain.append(self[index]) }
    return chain
  }

  /// What comes before the release; nil where there is none.
  var beforeRelease: MoveHistory? { firstIndex(of: .release).map { prefix($0) } }

  var isReleased: Bool { contains(.release) }
}

/// The durable heads that histories lead to, by the product's own fold.
final class MoveHeads {
  static let tenant = TenantID(trusted: "01J0000000000000000000000M")
  static let first = Epoch(1)
  static let moved = Epoch(2)

  private static let lineage = Lineage(1)
  private static let time = Timestamp(milliseconds: 1)
  private var known: [MoveHistory: TenantHead] = [:]

  /// The head at a cell that the tenant was created in.
  func source(_ history: MoveHistory) -> TenantHead { head(history) }

  /// The head at a cell that the tenant may come to; nil where nothing of it is durable there.
  func target(_ history: MoveHistory) -> TenantHead? {
    history.contains(.importing) ? head(history) : nil
  }

  /// The hash of the release that would follow a chain.
  ///
  /// A target makes it from its own head, as the engine does.
  func releaseHash(after hash: SHA256Hash) -> SHA256Hash { Self.hash(.release, after: hash) }

  private func head(_ history: MoveHistory) -> TenantHead {
    if let head = known[history] { return head }
    let head: TenantHead
    if history.count == 0 {
      let record = Self.identity(.create, TenantSeq(1), .zero, Self.first)
      head = TenantHead(after: nil, record, hash: SHA256Hash.of([0]), at: CellSeq(0))
    } else {
      let last = history[history.count - 1]
      head = Self.head(after: self.head(history.prefix(history.count - 1)), last)
    }
    known[history] = head
    return head
  }

  private static func head(
    after before: TenantHead, _ entry: MoveHistory.Entry
  ) -> TenantHead {
    let cell = CellID(trusted: "other")
    func next(
      _ seq: TenantSeq, _ previous: SHA256Hash, _ epoch: Epoch, from before: TenantHead?
    ) -> TenantHead {
      TenantHead(
        after: before, identity(entry.kind, seq, previous, epoch),
        hash: hash(entry, after: previous), at: CellSeq(0), counterpart: cell)
    }
    switch entry {
    case .write0, .write1, .write2:
      return next(before.tenantSeq.next, before.hash, before.epoch, from: before)
    case .begin, .burn, .release:
      return next(before.tenantSeq.next, before.hash, moved, from: before)
    case .importing:
      // What stands before it are the copied files: this cell knew nothing of the tenant.
      return next(before.tenantSeq, before.hash, moved, from: nil)
    case .ready, .refuse:
      return next(before.tenantSeq, before.hash, moved, from: before)
    case .adopt:
      // The release stands between, in the source's journal.
      let release = hash(.release, after: before.hash)
      return next(before.tenantSeq.next.next, release, moved, from: before)
    }
  }

  private static func hash(_ entry: MoveHistory.Entry, after: SHA256Hash) -> SHA256Hash {
    SHA256Hash.of(after.bytes + [UInt8(entry.rawValue)])
  }

  private static func identity(
    _ kind: RecordKind, _ seq: TenantSeq, _ previous: SHA256Hash, _ epoch: Epoch
  ) -> RecordIdentity {
    RecordIdentity(
      tenant: tenant, lineage: lineage, epoch: epoch, tenantSeq: seq, previousHash: previous,
      time: time, schemaVersion: 1, kind: kind, nextDue: nil)
  }
}
