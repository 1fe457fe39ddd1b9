import Wire

/// Follows tenants across damage: whose chain goes on behind it has no record in it.
struct SeenTenants {
  /// The last tenant seq before each range of unknown tenants, by the range's index.
  private var before: [Int: [TenantID: TenantSeq]] = [:]
  private var intact: [Int: Set<TenantID>] = [:]
  private var met: [Int: Set<TenantID>] = [:]
  private var last: [TenantID: TenantSeq] = [:]

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
    for (index, heads) in before where met[index]?.insert(tenant).inserted == true {
      let follows = heads[tenant].map { seq == $0.next } ?? (seq.rawValue == 1)
      if follows { intact[index]?.insert(tenant) }
    }
    last[tenant] = seq
  }

  /// A repair's gap: the void tenants go on from what was kept.
  mutating func add(_ gap: GapBody, firstSeq: CellSeq, lastSeq: CellSeq) {
    for void in gap.voids { last[void.tenant] = void.keptSeq }
  }

  func finish(_ damage: inout [DamagedRange]) {
    for (index, tenants) in intact { damage[index].tenants = .unknown(intact: tenants) }
  }
}
