import Storage
import Wire

/// A move's source: serves the tenant until its release is durable, and tells of it until the
/// target has adopted.
extension SimulatedCell {
  private var now: Int64 { deployment.scheduler.microseconds }

  /// The control plane's order; a repeat is answered with how the move ended, if it has.
  func move(_ tenant: TenantID, to target: CellID, under epoch: Epoch) {
    guard let head = store?.heads[tenant], departures[tenant] == nil else { return }
    guard head.armed < epoch else {
      if isBurned(head, epoch) { report(tenant, epoch, .burned) }
      if adopted[tenant] == epoch { report(tenant, epoch, .adopted) }
      return
    }
    depart(tenant, to: target, under: epoch, .beginning)
  }

  /// The control plane does not want the move any more: too late once the release is on its way.
  func cancelMove(_ tenant: TenantID, under epoch: Epoch) {
    if departures[tenant]?.epoch == epoch { burn(tenant) }
  }

  /// After a start: what a crash cut off is burned, what was released is told.
  func resumeDepartures() {
    guard let store else { return }
    for tenant in store.heads.keys.sorted() {
      guard let head = store.heads[tenant], let target = head.counterpart else { continue }
      if head.ownership == .moving { depart(tenant, to: target, under: head.armed, .burning) }
      if head.ownership == .released {
        let isOwned = deployment.oracle.isOwned(tenant, besides: id)
        if !isOwned { deployment.sometimes.releaseResent += 1 }
        tellRelease(tenant, head.armed)
      }
    }
  }

  private func depart(
    _ tenant: TenantID, to target: CellID, under epoch: Epoch, _ phase: Departure.Phase
  ) {
    let wait = Int64(deployment.choice.number(in: 0...120_000))
    departures[tenant] = Departure(
      epoch: epoch, target: target, began: now, copiesUntil: now + wait, phase: phase)
    drive(tenant)
    planDrive(tenant, epoch)
  }

  private func planDrive(_ tenant: TenantID, _ epoch: Epoch) {
    planHere(after: deployment.choice.number(in: 3_000...12_000), "goes on with \(tenant)") {
      [unowned self] in
      guard departures[tenant]?.epoch == epoch else { return }
      drive(tenant)
      planDrive(tenant, epoch)
    }
  }

  /// Takes the move on from where it stands.
  private func drive(_ tenant: TenantID) {
    guard let departure = departures[tenant], !departure.isWriting else { return }
    switch departure.phase {
    case .beginning: take(.begin(departure.epoch), tenant)
    case .burning: take(.burn(departure.epoch), tenant)
    case .copying:
      if now - departure.began > Departure.longest { return burn(tenant) }
      guard let had = departure.had, let head = store?.heads[tenant] else {
        if isSilent(departure) { sendCopy(tenant) }
        return
      }
      if now >= departure.copiesUntil,
        head.tenantSeq.rawValue <= had.rawValue + Departure.smallLag
      {
        departures[tenant]?.phase = .fencing(since: now)
        store?.hold(tenant)
        return fence(tenant)
      }
      sendRecords(tenant, after: isSilent(departure) ? had : departure.sent)
    case .fencing(let since):
      if now - since > Departure.longestPause { return burn(tenant) }
      if departure.fence == nil || isSilent(departure) { fence(tenant) }
    }
  }

  private func isSilent(_ departure: Departure) -> Bool {
    now - departure.told > Departure.patience
  }

  private func burn(_ tenant: TenantID) {
    guard let departure = departures[tenant], departure.mayBurn else { return }
    departures[tenant]?.phase = .burning
    drive(tenant)
  }

  /// Writes a step's record once the tenant is at rest.
  private func take(_ step: MoveStep, _ tenant: TenantID) {
    guard let store, let target = departures[tenant]?.target else { return }
    store.hold(tenant)
    guard store.isAtRest(tenant) else { return }
    departures[tenant]?.isWriting = true
    withStore { store in
      try store.take(step, of: tenant, with: target) { [unowned self] failure in
        took(step, tenant, failure)
      }
      planStep()
    }
  }

  private func took(_ step: MoveStep, _ tenant: TenantID, _ failure: Failure?) {
    guard let departure = departures[tenant] else { return }
    departures[tenant]?.isWriting = false
    if let failure {
      deployment.trace("\(id): \(step.kind) of \(tenant) not written: \(failure.detail)")
      // Ordered again if it is wanted.
      if case .begin = step {
        departures[tenant] = nil
        serveAgain(tenant)
      }
      return
    }
    switch step {
    case .begin:
      departures[tenant]?.phase = .copying
      serveAgain(tenant)
      sendCopy(tenant)
    case .burn:
      departures[tenant] = nil
      deployment.sometimes.burned += 1
      serveAgain(tenant)
      tell(.burned(departure.epoch), tenant, departure.target)
      report(tenant, departure.epoch, .burned)
    case .release:
      departures[tenant] = nil
      // What waits hears that the tenant has moved.
      serveAgain(tenant)
      tellRelease(tenant, departure.epoch)
    case .concede, .importing, .ready, .adopt, .refuse: break
    }
  }

  private func serveAgain(_ tenant: TenantID) {
    if store?.endHold(tenant) ?? false { planRun(tenant) }
  }

  // What the target is told.

  private func tell(_ message: MoveMessage, _ tenant: TenantID, _ target: CellID) {
    departures[tenant]?.told = now
    guard let cell = deployment.cell(target) else { return }
    let source = id
    deployment.send("\(message.name) of \(tenant) to \(target)") {
      cell.hear(message, of: tenant, from: source)
    }
  }

  private func sendCopy(_ tenant: TenantID) {
    guard let store, let departure = departures[tenant], let head = store.heads[tenant],
      let image = store.image(tenant)
    else { return }
    let copy = TenantCopy(
      epoch: departure.epoch,
      place: SimulatedStore.Place(
        lineage: head.lineage, seq: head.tenantSeq, previousHash: head.hash, time: head.time),
      rows: image.asChanges, applied: image.applied, digest: image.digest)
    departures[tenant]?.sent = head.tenantSeq
    tell(.copy(copy), tenant, departure.target)
  }

  private func sendRecords(_ tenant: TenantID, after seq: TenantSeq) {
    guard let departure = departures[tenant] else { return }
    let records = (store?.tenants[tenant]?.tap ?? []).filter { $0.seq > seq }
    guard let last = records.last else { return }
    departures[tenant]?.sent = last.seq
    tell(.records(departure.epoch, records), tenant, departure.target)
  }

  /// Names the last record once the tenant is at rest; what the target lacks goes beside it.
  private func fence(_ tenant: TenantID) {
    guard let store, let departure = departures[tenant], let had = departure.had,
      store.isAtRest(tenant), let head = store.heads[tenant], let image = store.image(tenant)
    else { return }
    let fence = MoveFence(
      tenantSeq: head.tenantSeq, hash: head.hash,
      digests: [SimulatedStore.fileName: Digest(image.digest)])
    sendRecords(tenant, after: departure.fence == nil ? departure.sent : had)
    departures[tenant]?.fence = fence
    tell(.fence(departure.epoch, fence), tenant, departure.target)
  }

  /// Tells of a release again and again, until the target says that it has adopted.
  private func tellRelease(_ tenant: TenantID, _ epoch: Epoch) {
    guard let head = store?.heads[tenant], head.ownership == .released, head.armed == epoch,
      adopted[tenant] != epoch, let target = head.counterpart
    else { return }
    tell(.release(Self.release(head)), tenant, target)
    planHere(after: deployment.choice.number(in: 20_000...60_000), "tells of \(tenant) again") {
      [unowned self] in
      if deployment.options.brokenRule == .resumeAfterRelease, adopted[tenant] != epoch {
        depart(tenant, to: target, under: epoch, .burning)
      } else {
        tellRelease(tenant, epoch)
      }
    }
  }

  private static func release(_ head: TenantHead) -> MoveRelease {
    MoveRelease(
      epoch: head.armed, cellSeq: head.cellSeq, tenantSeq: head.tenantSeq, hash: head.hash,
      time: head.time)
  }

  // What the target says.

  func hear(_ reply: MoveReply, of tenant: TenantID, from target: CellID) {
    guard let head = store?.heads[tenant] else { return }
    switch reply {
    case .has(let epoch, let seq):
      guard departures[tenant]?.epoch == epoch else { return }
      departures[tenant]?.had = seq
      drive(tenant)
    case .ready(let epoch, let hash):
      guard let departure = departures[tenant], departure.epoch == epoch, departure.fence != nil,
        case .fencing(let since) = departure.phase, !departure.isWriting
      else { return }
      // From the append on nothing gives the move up.
      guard now - since <= Departure.longestPause else { return burn(tenant) }
      take(.release(epoch, ready: hash), tenant)
    case .refused(let epoch):
      guard let departure = departures[tenant], departure.epoch == epoch, departure.mayBurn else {
        return
      }
      deployment.sometimes.refusedByTarget += 1
      burn(tenant)
    case .adopted(let epoch):
      guard head.ownership == .released, head.armed == epoch else { return }
      adopted[tenant] = epoch
      report(tenant, epoch, .adopted)
    case .asks(let epoch):
      if head.ownership == .released, head.armed == epoch {
        tell(.release(Self.release(head)), tenant, target)
      } else if isBurned(head, epoch) {
        tell(.burned(epoch), tenant, target)
      }
    }
  }

  /// Whether a move under `epoch` was given up: this cell serves under another, or has begun a
  /// later move.
  private func isBurned(_ head: TenantHead, _ epoch: Epoch) -> Bool {
    guard head.armed == epoch else { return head.armed > epoch }
    return head.ownership == .owned && head.epoch < epoch
  }

  /// Tells the control plane how a move ended.
  func report(_ tenant: TenantID, _ epoch: Epoch, _ end: MoveEnd) {
    let controlPlane = deployment.controlPlane
    deployment.send("\(end) \(tenant) under \(epoch.rawValue)") {
      controlPlane.ended(tenant, under: epoch, end)
    }
  }
}
