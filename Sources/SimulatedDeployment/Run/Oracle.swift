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
  private var epochs: [String: Epoch] = [:]
  private var generations: [CellID: Generation] = [:]
  private var durable: [String: TenantSeq] = [:]
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
    if image.applied != head.tenantSeq {
      fail("\(cell): the file of \(tenant) is at \(image.applied), its head \(head.tenantSeq)")
    }
    examineBooks(cell, tenant, image)
    guard head.ownership == .owned else { return }
    let ownership = "\(tenant) \(head.epoch.rawValue)"
    if let owner = owners[ownership], owner != cell {
      fail("\(tenant) under epoch \(head.epoch.rawValue) is owned by \(owner) and \(cell)")
    }
    owners[ownership] = cell
    for ack in acks[tenant] ?? [] { examine(ack.key, ack.answer, cell, tenant, image) }
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
