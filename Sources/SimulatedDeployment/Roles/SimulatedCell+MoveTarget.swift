import Storage
import Wire

/// A move's target: takes the tenant in, and serves it once its adoption is durable.
extension SimulatedCell {
  private var now: Int64 { deployment.scheduler.microseconds }

  /// A source that was silent for so long is asked what became of the move.
  private static let silence: Int64 = 60_000

  func hear(_ message: MoveMessage, of tenant: TenantID, from source: CellID) {
    guard isUp else { return }
    heardSource[tenant] = now
    switch message {
    case .copy(let copy): take(copy, tenant, from: source)
    case .records(let epoch, let records): take(records[...], tenant, epoch, from: source)
    case .fence(let epoch, let fence): meet(fence, tenant, epoch, from: source)
    case .release(let release): adopt(release, tenant, from: source)
    case .burned(let epoch): refuse(tenant, epoch, from: source)
    }
  }

  /// After a start: asks about whoever is on the way here.
  func resumeArrivals() {
    guard let store else { return }
    for tenant in store.heads.keys.sorted() {
      if let head = store.heads[tenant], isArriving(head) { planAsk(tenant, head.armed) }
    }
  }

  private func isArriving(_ head: TenantHead) -> Bool {
    head.ownership == .importing || head.ownership == .ready
  }

  private func planAsk(_ tenant: TenantID, _ epoch: Epoch) {
    planHere(after: deployment.choice.number(in: 40_000...120_000), "waits for \(tenant)") {
      [unowned self] in
      guard let head = store?.heads[tenant], head.armed == epoch, isArriving(head),
        let source = head.counterpart
      else { return }
      if now - (heardSource[tenant] ?? 0) > Self.silence { say(.asks(epoch), tenant, source) }
      planAsk(tenant, epoch)
    }
  }

  private func say(_ reply: MoveReply, _ tenant: TenantID, _ source: CellID) {
    guard let cell = deployment.cell(source) else { return }
    let target = id
    deployment.send("\(target) to \(source) of \(tenant): \(reply.name)") {
      cell.hear(reply, of: tenant, from: target)
    }
  }

  /// Says again what is durable here of a move.
  private func sayWhere(_ tenant: TenantID, _ epoch: Epoch, _ source: CellID) {
    guard let head = store?.heads[tenant], head.armed >= epoch else { return }
    guard head.armed == epoch else { return say(.refused(epoch), tenant, source) }
    switch head.ownership {
    case .importing: say(.has(epoch, head.tenantSeq), tenant, source)
    case .ready: say(.ready(epoch, head.hash), tenant, source)
    case .refused: say(.refused(epoch), tenant, source)
    case .owned, .moving, .released: say(.adopted(epoch), tenant, source)
    }
  }

  /// Writes a step's record; `then` runs once it is durable.
  private func take(
    _ step: MoveStep, _ tenant: TenantID, from source: CellID,
    at place: SimulatedStore.Place? = nil, then: @escaping () -> Void
  ) {
    withStore { store in
      try store.take(step, of: tenant, with: source, at: place) { [unowned self] failure in
        if let failure {
          return deployment.trace("\(id): \(step.kind) of \(tenant): \(failure.detail)")
        }
        then()
      }
      planStep()
    }
  }

  // Files and records.

  private func take(_ copy: TenantCopy, _ tenant: TenantID, from source: CellID) {
    guard let store else { return }
    let head = store.heads[tenant]
    if let head, head.armed == copy.epoch { return sayWhere(tenant, copy.epoch, source) }
    guard !store.isBusy(tenant),
      MoveRule.refusal(of: .importing(copy.epoch), at: head, rules: store.moveRules) == nil
    else { return }
    // No room: nothing is durable here, so there is nothing to take back.
    if deployment.isFaulty, deployment.choice.happens(deployment.options.movesRefused) {
      return say(.refused(copy.epoch), tenant, source)
    }
    let image = copy.image
    guard image.digest == copy.digest else {
      return deployment.fail("\(id): a copy of \(tenant) has another digest than its source")
    }
    var hasRoom = false
    withStore { store in hasRoom = try store.prepareImport(tenant, copy.epoch, image) }
    guard isUp else { return }
    guard hasRoom else { return say(.refused(copy.epoch), tenant, source) }
    take(.importing(copy.epoch), tenant, from: source, at: copy.place) { [unowned self] in
      sayWhere(tenant, copy.epoch, source)
      planAsk(tenant, copy.epoch)
    }
  }

  /// Makes the source's records durable one by one, as far as they follow what is here.
  private func take(
    _ records: ArraySlice<StreamedRecord>, _ tenant: TenantID, _ epoch: Epoch, from source: CellID
  ) {
    guard let head = store?.heads[tenant], head.ownership == .importing, head.armed == epoch,
      let next = records.first(where: { $0.seq > head.tenantSeq }),
      next.record.identity.previousHash == head.hash
    else { return sayWhere(tenant, epoch, source) }
    withStore { store in
      try store.take(next, of: tenant) { [unowned self] failure in
        guard failure == nil else { return }
        if let image = self.store?.image(tenant), image.digest != next.digest {
          deployment.fail("\(id): record \(next.seq.rawValue) of \(tenant) has another digest here")
        }
        planHere(after: 50, "takes the next record of \(tenant)") { [unowned self] in
          take(records.dropFirst(), tenant, epoch, from: source)
        }
      }
      planStep()
    }
  }

  // The end.

  private func meet(
    _ fence: MoveFence, _ tenant: TenantID, _ epoch: Epoch, from source: CellID
  ) {
    guard let store, let head = store.heads[tenant], head.armed == epoch,
      head.ownership == .importing, !store.isBusy(tenant)
    else { return sayWhere(tenant, epoch, source) }
    // It is not ready, so the source cannot have released the tenant.
    if deployment.isFaulty, deployment.choice.happens(deployment.options.movesRefused) {
      return refuse(tenant, epoch, from: source)
    }
    let step = MoveStep.ready(epoch, hash: fence.hash)
    guard MoveRule.refusal(of: step, at: head, rules: store.moveRules) == nil else {
      return sayWhere(tenant, epoch, source)
    }
    let digests = [SimulatedStore.fileName: Digest(store.image(tenant)?.digest ?? 0)]
    guard digests == fence.digests || !store.moveRules.comparesHashes else {
      return deployment.fail("\(id): \(tenant) has other digests than at its source")
    }
    take(step, tenant, from: source) { [unowned self] in sayWhere(tenant, epoch, source) }
  }

  private func adopt(_ release: MoveRelease, _ tenant: TenantID, from source: CellID) {
    guard let store, let head = store.heads[tenant] else { return }
    let after = follows(release, tenant, head) ? head.hash : SHA256Hash.zero
    let step = MoveStep.adopt(release.epoch, after: after)
    if let refusal = MoveRule.refusal(of: step, at: head, rules: store.moveRules) {
      if refusal.code == .alreadyDone { say(.adopted(release.epoch), tenant, source) }
      return
    }
    let place = SimulatedStore.Place(
      lineage: head.lineage, seq: release.tenantSeq.next, previousHash: release.hash,
      time: max(store.time(after: head), release.time))
    take(step, tenant, from: source, at: place) { [unowned self] in
      if deployment.oracle.hasOwned(id, tenant) { deployment.sometimes.returned += 1 }
      sayWhere(tenant, release.epoch, source)
      report(tenant, release.epoch, .adopted)
    }
  }

  /// Whether a release that follows the last record here has the hash that the source names.
  private func follows(_ release: MoveRelease, _ tenant: TenantID, _ head: TenantHead) -> Bool {
    let identity = RecordIdentity(
      tenant: tenant, lineage: head.lineage, epoch: release.epoch, tenantSeq: head.tenantSeq.next,
      previousHash: head.hash, time: release.time, schemaVersion: 1, kind: .release, nextDue: nil)
    var encoder = RecordEncoder(capacity: 0)
    encoder.begin()
    let detail = MoveDetail(counterpart: id).bytes
    return (try? encoder.seal(identity, files: [], detail: detail).hash) == release.hash
  }

  private func refuse(_ tenant: TenantID, _ epoch: Epoch, from source: CellID) {
    guard let head = store?.heads[tenant], head.armed == epoch, isArriving(head) else { return }
    take(.refuse(epoch), tenant, from: source) { [unowned self] in
      deployment.sometimes.refused += 1
      sayWhere(tenant, epoch, source)
    }
  }
}
