import Wire

/// Follows tenants across damage: whose chain goes on behind it has no record in it.
///
/// Whose files are others behind it needs no chain: ``DamagedRange/spare(_:)``.
struct SeenTenants {
  /// The last tenant seq before each range of unknown tenants, by the range's index.
  private var before: [Int: [TenantID: TenantSeq]] = [:]
  private var intact: [Int: Set<TenantID>] = [:]
  private var met: [Int: Set<TenantID>] = [:]
  private var last: [TenantID: TenantSeq] = [:]
  private var voids = JournalVoids()

  /// A range begins here; kept where its tenants are unknown.
  mutating func beginUnknown(_ index: Int, _ damage: [DamagedRange]) {
    guard case .unknown = damage[index].tenants else { return }
    before[index] = last
    intact[index] = []
    met[index] = []
  }

  mutating func add(_ record: JournalRecord) {
    let tenant = record.identity.tenant
    let seq = record.identity.tenantSeq
    // Of another branch, which a repair has ended.
    guard !voids.covers(tenant, record.position.cellSeq) else { return }
    for (index, heads) in before where met[index]?.insert(tenant).inserted == true {
      if Self.follows(record.identity, heads[tenant]) { intact[index]?.insert(tenant) }
    }
    last[tenant] = seq
  }

  /// Whether nothing of the tenant stood between its record `before` and this one; nil: it had
  /// none.
  private static func follows(_ identity: RecordIdentity, _ before: TenantSeq?) -> Bool {
    let seq = identity.tenantSeq
    guard let before else { return seq.rawValue == 1 && identity.kind.isInChain }
    // Beside the chain it names the last one.
    guard identity.kind.isInChain else { return seq == before }
    // What an adoption names as the record before is the release, in the source's journal.
    return seq == (identity.kind == .adopt ? before.next.next : before.next)
  }

  /// A repair's gap: the void tenants go on from what was kept.
  mutating func add(_ gap: GapBody, firstSeq: CellSeq, lastSeq: CellSeq) {
    voids.add(gap, at: firstSeq, through: lastSeq)
    for void in gap.voids { last[void.tenant] = void.keptSeq }
  }

  func finish(_ damage: inout [DamagedRange]) {
    for (index, tenants) in intact { damage[index].tenants = .unknown(intact: tenants) }
  }
}
