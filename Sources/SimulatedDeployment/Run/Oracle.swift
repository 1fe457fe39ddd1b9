import Storage
import Wire

/// What the outside was told, and what must therefore be true; asked after every event.
struct Oracle {
  private struct Ack {
    let key: String
    let answer: String
  }

  /// The first thing found wrong.
  private(set) var violation: String?
  private var acks: [TenantID: [Ack]] = [:]
  private var answers: [String: String] = [:]
  private var claims: [String: String] = [:]
  /// Who ever owned a tenant under an epoch.
  private var owners: [String: CellID] = [:]
  private var owned: Set<String> = []
  private var epochs: [String: Epoch] = [:]
  private var generations: [CellID: Generation] = [:]
  private var durable: [String: TenantSeq] = [:]
  /// Cells whose last durable record of a tenant says that they serve it, also while they are down.
  private var serving: [TenantID: Set<CellID>] = [:]
  private var histories: [TenantID: TenantHistory] = [:]
  /// Acknowledged since the last look.
  private var fresh: [TenantID] = []

  mutating func fail(_ text: String) { if violation == nil { violation = text } }

  mutating func acknowledged(_ tenant: TenantID, _ key: String, _ answer: String) {
    if let before = answers[key] {
      if before != answer { fail("key \(key) was answered \(before), then \(answer)") }
      return
    }
    answers[key] = answer
    acks[tenant, default: []].append(Ack(key: key, answer: answer))
    fresh.append(tenant)
  }

  mutating func claimed(_ number: String, _ tenant: String) {
    if let holder = claims[number], holder != tenant {
      fail("number \(number) was claimed by \(holder), then by \(tenant)")
    }
    claims[number] = tenant
  }

  /// An epoch that `observer` knows of `tenant` now: it never falls.
  mutating func sees(_ observer: String, _ tenant: TenantID, _ epoch: Epoch) {
    let key = "\(observer) \(tenant)"
    if let before = epochs[key], epoch < before {
      fail("\(observer): epoch of \(tenant) fell from \(before.rawValue) to \(epoch.rawValue)")
    }
    epochs[key] = epoch
  }

  /// The generation of a cell that the control plane has on record: who was replaced stays so.
  mutating func sees(_ cell: CellID, _ generation: Generation) {
    if let before = generations[cell], generation < before {
      fail("generation of \(cell) fell from \(before.rawValue) to \(generation.rawValue)")
    }
    generations[cell] = generation
  }

  /// A record that is durable in some cell's journal.
  mutating func sees(_ link: ChainLink, at cell: CellID) {
    if let wrong = histories[link.tenant, default: TenantHistory()].add(link) {
      fail("\(cell): \(wrong)")
    }
    // Also where the process ended right behind the record, which was told, and nobody looks at its
    // disk before it starts again.
    if link.kind == .release { serving[link.tenant]?.remove(cell) }
  }

  /// A move that is pending: its epoch was never armed for another cell.
  mutating func seesArmed(_ tenant: TenantID, _ epoch: Epoch, for target: CellID) {
    if !histories[tenant, default: TenantHistory()].arm(epoch, for: target) {
      fail("epoch \(epoch.rawValue) of \(tenant) was armed twice")
    }
  }

  /// Whether a cell ever owned a tenant.
  func hasOwned(_ cell: CellID, _ tenant: TenantID) -> Bool { owned.contains("\(cell) \(tenant)") }

  /// Whether the disk of another cell says that it serves a tenant.
  func isOwned(_ tenant: TenantID, besides cell: CellID) -> Bool {
    serving[tenant]?.contains { $0 != cell } ?? false
  }

  /// A tenant's state on one cell after it changed or was recovered.
  mutating func examine(
    _ cell: CellID, _ tenant: TenantID, _ head: TenantHead, _ image: TenantImage
  ) {
    sees(cell.rawValue, tenant, head.epoch)
    let key = "\(cell) \(tenant)"
    if let before = durable[key], head.tenantSeq < before {
      fail("\(cell): \(tenant) fell from record \(before.rawValue) to \(head.tenantSeq.rawValue)")
    }
    durable[key] = head.tenantSeq
    examineOwner(cell, tenant, head)
    // What was refused is not there any more.
    guard head.ownership != .refused else { return }
    examineFile(cell, tenant, head, image)
    examineBooks(cell, tenant, image)
    guard head.ownership.isServed else { return }
    for ack in acks[tenant] ?? [] { examine(ack.key, ack.answer, cell, tenant, image) }
  }

  /// A file stands at the last record that touched it, wherever that was written.
  private mutating func examineFile(
    _ cell: CellID, _ tenant: TenantID, _ head: TenantHead, _ image: TenantImage
  ) {
    let expected = histories[tenant]?.lastTouch(upTo: head.tenantSeq) ?? .zero
    guard image.applied != expected else { return }
    let what = image.applied < expected ? "has lost records" : "is ahead of its history"
    fail(
      "\(cell): \(tenant) \(what): its file is at \(image.applied.rawValue), its history at "
        + "\(expected.rawValue)")
  }

  /// At most one cell would serve a tenant as its disk says, and only one ever under an epoch.
  private mutating func examineOwner(_ cell: CellID, _ tenant: TenantID, _ head: TenantHead) {
    guard head.ownership.isServed else {
      serving[tenant]?.remove(cell)
      return
    }
    serving[tenant, default: []].insert(cell)
    if let cells = serving[tenant], cells.count > 1 {
      fail("\(tenant) has two owners at once: \(cells.sorted())")
    }
    let ownership = "\(tenant) \(head.epoch.rawValue)"
    if let owner = owners[ownership], owner != cell {
      fail("\(tenant) under epoch \(head.epoch.rawValue) is owned by \(owner) and \(cell)")
    }
    owners[ownership] = cell
    owned.insert("\(cell) \(tenant)")
  }

  private mutating func examine(
    _ key: String, _ answer: String, _ cell: CellID, _ tenant: TenantID, _ image: TenantImage
  ) {
    guard let stored = image["key:\(key)"] else {
      return fail("\(cell): acknowledged \(key) of \(tenant) is lost")
    }
    if stored != answer { fail("\(cell): \(key) was answered \(answer), stored is \(stored)") }
  }

  private mutating func examineBooks(_ cell: CellID, _ tenant: TenantID, _ image: TenantImage) {
    let (outside, wallet, fees) = (
      image.number("balance:outside"), image.number("balance:wallet"),
      image.number("balance:fees")
    )
    if outside + wallet + fees != 0 { fail("\(cell): the ledger of \(tenant) sums not to zero") }
    if wallet < 0 { fail("\(cell): the wallet of \(tenant) is below zero") }
    if fees != image.spent { fail("\(cell): fees of \(tenant) are not the sum of its effects") }
    for key in image.effects.keys.sorted() {
      if image.effects[key] != 1 { fail("\(cell): key \(key) of \(tenant) has two effects") }
      if image["key:\(key)"] == nil { fail("\(cell): \(key) of \(tenant) is half applied") }
    }
  }

  mutating func examineClaims(_ image: TenantImage) {
    for number in claims.keys.sorted() {
      let holder = image["claim:\(number)"].map { String($0.prefix { $0 != "|" }) }
      if holder != claims[number] { fail("the claim of \(number) became \(holder ?? "nobody's")") }
    }
  }

  /// Tenants whose acknowledgements were not compared with their owner's image yet.
  mutating func takeFresh() -> [TenantID] {
    defer { fresh = [] }
    return fresh
  }
}
