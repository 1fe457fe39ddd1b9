import Storage
import Wire

/// A cell: serves the tenants that it owns under their epoch, and says again and again under which
/// generation it does.
final class SimulatedCell: SimulatedNode {
  /// Raised at some starts, as a promotion or a restore would.
  private(set) var generation = Generation.first
  /// Moves away that this life drives.
  var departures: [TenantID: Departure] = [:]
  /// Under which epoch a target says that it has adopted.
  var adopted: [TenantID: Epoch] = [:]
  /// When a tenant's source was last heard.
  var heardSource: [TenantID: Int64] = [:]

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
        epoch, at: head.epoch, isOwned: head.ownership.isServed, isBroken: servesAnyEpoch)
    else {
      let head = store.heads[tenant]
      guard let head, head.ownership == .released else {
        return reply(.moved(to: nil, epoch: nil))
      }
      return reply(.moved(to: head.counterpart, epoch: head.armed))
    }
    deployment.placeCount += 1
    let place = deployment.placeCount
    submit(
      StoreCommand(
        key: key, run: { SimulatedLedger.debit(amount, key: key, at: place, $0) },
        answer: { [unowned self] answer in
          if case .done = answer, self.store?.heads[tenant]?.ownership == .moving {
            deployment.sometimes.servedWhileMoving += 1
          }
          reply(.answer(answer))
        }), to: tenant)
  }

  /// Creates the tenant's first record; repeats under the same epoch change nothing.
  func create(_ tenant: TenantID, _ epoch: Epoch, reply: @escaping (StoreAnswer) -> Void) {
    guard let store else { return }
    if let head = store.heads[tenant] {
      return reply(head.armed == epoch ? .done("") : .refused("epoch_stale"))
    }
    withStore { store in
      try store.create(
        tenant, epoch: epoch, after: Self.nothing, SimulatedLedger.firstRows, answer: reply)
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
    resumeDepartures()
    resumeArrivals()
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

  override func ended() {
    departures = [:]
    adopted = [:]
    heardSource = [:]
    deployment.cellEnded(id)
  }

  private static let nothing = TenantHead(
    lineage: Lineage(1), tenantSeq: .zero, hash: .zero, epoch: Epoch(0), ownership: .owned,
    time: Timestamp(milliseconds: 0), schemaVersion: 1, nextDue: nil, cellSeq: CellSeq(0))
}
