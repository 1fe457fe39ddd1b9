import Storage
import Wire

/// A cell: serves the tenants that it owns under their epoch, and says again and again under which
/// generation it does.
final class SimulatedCell: SimulatedNode {
  /// Raised at some starts, as a promotion or a restore would.
  private(set) var generation = Generation.first

  enum Reply {
    case answer(StoreAnswer)
    case moved(to: CellID?, epoch: Epoch?)
  }

  func debit(
    _ tenant: TenantID, under epoch: Epoch, key: String, amount: Int,
    reply: @escaping (Reply) -> Void
  ) {
    guard let store else { return }
    guard let head = store.heads[tenant],
      EpochFence.admits(
        epoch, at: head.epoch, isOwned: head.ownership == .owned, isBroken: servesAnyEpoch)
    else {
      let head = store.heads[tenant]
      let successor = head?.ownership == .released ? store.image(tenant)?["moved"] : nil
      let epoch = head?.ownership == .released ? head?.armed : head?.epoch
      return reply(.moved(to: successor.map { CellID(trusted: $0) }, epoch: epoch))
    }
    deployment.placeCount += 1
    let place = deployment.placeCount
    submit(
      StoreCommand(
        key: key, run: { SimulatedLedger.debit(amount, key: key, at: place, $0) },
        answer: { reply(.answer($0)) }), to: tenant)
  }

  /// Creates the tenant's first record; repeats under the same epoch change nothing.
  func create(_ tenant: TenantID, _ epoch: Epoch, reply: @escaping (StoreAnswer) -> Void) {
    guard let store else { return }
    if let head = store.heads[tenant] {
      return reply(head.armed == epoch ? .done("") : .refused("epoch_stale"))
    }
    withStore { store in
      try store.write(
        .create, tenant, epoch: epoch, after: Self.nothing, SimulatedLedger.firstRows,
        answer: reply)
      planStep()
    }
  }

  /// What a released tenant's new owner needs.
  struct Parcel {
    let head: TenantHead
    let rows: [RowChange]
  }

  /// The tenant is `target`'s under `epoch` from here on; answers with all of it, again and again.
  func release(
    _ tenant: TenantID, to target: CellID, _ epoch: Epoch, reply: @escaping (Parcel?) -> Void
  ) {
    guard let head = store?.heads[tenant] else { return reply(nil) }
    if head.ownership == .released {
      return reply(head.armed == epoch ? parcel(tenant) : nil)
    }
    guard head.ownership == .owned, head.armed < epoch else { return reply(nil) }
    withStore { store in
      try store.write(
        .release, tenant, epoch: epoch, after: head,
        [RowChange(key: "moved", value: target.rawValue)]
      ) { [unowned self] answer in
        if case .done = answer { reply(parcel(tenant)) } else { reply(nil) }
      }
      planStep()
    }
  }

  private func parcel(_ tenant: TenantID) -> Parcel? {
    guard let store, let head = store.heads[tenant], let image = store.image(tenant) else {
      return nil
    }
    return Parcel(head: head, rows: image.asChanges)
  }

  func adopt(
    _ tenant: TenantID, _ epoch: Epoch, _ parcel: Parcel, reply: @escaping (StoreAnswer) -> Void
  ) {
    guard let store else { return }
    if let head = store.heads[tenant] {
      return reply(head.armed >= epoch ? .done("") : .refused("epoch_stale"))
    }
    withStore { store in
      try store.write(
        .adopt, tenant, epoch: epoch, after: parcel.head, parcel.rows, answer: reply)
      planStep()
    }
  }

  private var servesAnyEpoch: Bool { deployment.options.brokenRule == .skipEpochCheck }

  override func started() {
    if deployment.isFaulty, deployment.choice.happens(300) {
      generation = Generation(generation.rawValue + 1)
      deployment.trace("\(id) is generation \(generation.rawValue)")
    }
    deployment.cellStarted(self)
    planJoin()
  }

  /// Says who it is: lost, late or twice, and perhaps after a later life has.
  private func planJoin() {
    let generation = generation
    deployment.send("\(id) joins as generation \(generation.rawValue)") { [unowned self] in
      deployment.controlPlane.join(id, generation)
    }
    planHere(after: deployment.choice.number(in: 20_000...60_000), "joins again") {
      [unowned self] in planJoin()
    }
  }
  override func ended() { deployment.cellEnded(id) }

  private static let nothing = TenantHead(
    lineage: Lineage(1), tenantSeq: .zero, hash: .zero, epoch: Epoch(0), ownership: .owned,
    time: Timestamp(milliseconds: 0), schemaVersion: 1, nextDue: nil, cellSeq: CellSeq(0))
}
