import Platform
import Simulation
import Storage
import Wire

/// A move's durable steps: each is one record, and none is written that the product's rule refuses.
extension SimulatedStore {
  static let importDirectory = "/cell/imports"

  /// Where a record stands in its tenant's chain, or beside it.
  struct Place {
    let lineage: Lineage
    let seq: TenantSeq
    let previousHash: SHA256Hash
    /// The tenant's.
    let time: Timestamp
  }

  // A tenant at rest.

  /// Lets what runs come to its end; commands that come wait.
  func hold(_ id: TenantID) { tenants[id]?.isHeld = true }

  /// Whether a held tenant has come to rest.
  func isAtRest(_ id: TenantID) -> Bool {
    tenants[id].map { $0.isHeld && $0.machine.state == .idle } ?? false
  }

  /// Whether a record of the tenant is on its way, or about to be.
  func isBusy(_ id: TenantID) -> Bool { tenants[id].map { $0.machine.state != .idle } ?? false }

  /// Ends a ``hold(_:)``; answers whether a run is to be planned.
  func endHold(_ id: TenantID) -> Bool {
    guard let tenant = tenants[id] else { return false }
    tenant.isHeld = false
    return tenant.isRunWanted && tenant.machine.submitted()
  }

  // Steps.

  /// Writes one step; answers once it is durable, or why it is not.
  ///
  /// `place` is where the record stands; without it, where this cell's head says.
  func take(
    _ step: MoveStep, of id: TenantID, with counterpart: CellID, at place: Place? = nil,
    answer: @escaping (Failure?) -> Void
  ) throws {
    let head = heads[id]
    if let refusal = refusal(of: step, at: head) { return answer(refusal) }
    guard let place = place ?? head.map({ nextPlace(for: step.kind, at: $0) }) else {
      return answer(Failure(.notFound, "this cell knows nothing of the tenant"))
    }
    let tenant = try writer(id)
    guard tenant.machine.submitted() else {
      return answer(Failure(.overloaded, "the tenant is not at rest"))
    }
    tenant.machine.runBegan()
    var encoder = RecordEncoder(capacity: 0)
    encoder.begin()
    let record = try encoder.seal(
      RecordIdentity(
        tenant: id, lineage: place.lineage, epoch: step.epoch, tenantSeq: place.seq,
        previousHash: place.previousHash, time: place.time, schemaVersion: 1, kind: step.kind,
        nextDue: nil), files: [],
      detail: MoveDetail(counterpart: counterpart).bytes)
    tenant.inFlight = InFlight(
      record: record, changes: nil, counterpart: counterpart, answers: [{ answer(nil) }],
      refuse: [{ answer($0) }])
    tenant.machine.sealed()
    append(id, record, more: false)
  }

  private func refusal(of step: MoveStep, at head: TenantHead?) -> Failure? {
    if brokenRule == .resumeAfterRelease, case .burn = step { return nil }
    return MoveRule.refusal(of: step, at: head, rules: moveRules)
  }

  /// The product's rules, without the one that this run breaks.
  var moveRules: MoveRule.Rules {
    var rules = MoveRule.Rules()
    rules.comparesHashes = brokenRule != .skipHashCheck
    return rules
  }

  private func nextPlace(for kind: RecordKind, at head: TenantHead) -> Place {
    Place(
      lineage: head.lineage, seq: kind.isInChain ? head.tenantSeq.next : head.tenantSeq,
      previousHash: head.hash, time: kind.isInChain ? time(after: head) : head.time)
  }

  /// Makes the source's next record durable here, byte for byte, and applies it.
  func take(_ streamed: StreamedRecord, of id: TenantID, answer: @escaping (Failure?) -> Void)
    throws
  {
    let tenant = try writer(id)
    guard tenant.machine.submitted() else {
      return answer(Failure(.overloaded, "another record is on its way"))
    }
    tenant.machine.runBegan()
    tenant.inFlight = InFlight(
      record: streamed.record, changes: streamed.changes,
      answers: [{ answer(nil) }], refuse: [{ answer($0) }])
    tenant.machine.sealed()
    append(id, streamed.record, more: false)
  }

  /// What a step's record does beside the head.
  func didTake(_ kind: RecordKind, _ tenant: Tenant, _ id: TenantID, _ head: TenantHead) throws {
    switch kind {
    case .begin: tenant.tap = []
    case .burn, .release: tenant.tap = nil
    case .import:
      try tenant.file.install(from: ImageFile.prepared(Self.importDirectory, id, head.armed))
      tenant.file = try ImageFile(Self.directory, id, files: files)
      table.flushed(id, through: head.cellSeq)
    case .refuse:
      try tenant.file.remove()
      tenant.file = try ImageFile(Self.directory, id, files: files)
    case .create, .commands, .schemaStep, .restore, .ready, .adopt: break
    }
  }

  // Copies.

  /// Makes a copy durable, beside what is here of the tenant; false: there is no room for it.
  func prepareImport(_ id: TenantID, _ epoch: Epoch, _ image: TenantImage) throws -> Bool {
    let path = ImageFile.prepared(Self.importDirectory, id, epoch)
    let refusals = disk.roomRefusals
    do {
      try ImageFile.write(image, to: path, files)
    } catch {
      guard let cause = error as? FileError, isForRoom(cause) else { throw error }
      if disk.roomRefusals > refusals { sometimes.importWithoutRoom += 1 }
      try files.remove(path)
      return false
    }
    try files.synchronizeDirectory(Self.importDirectory)
    return true
  }

  /// After a start: a copy whose record is durable is the tenant's, every other one is nobody's;
  /// what was refused goes.
  func settleImports() throws {
    for id in heads.keys.sorted() {
      guard let head = heads[id] else { continue }
      let file = try ImageFile(Self.directory, id, files: files)
      if head.ownership == .refused { try file.remove() }
      let copy = ImageFile.prepared(Self.importDirectory, id, head.armed)
      if head.ownership == .importing, try files.exists(copy) { try file.install(from: copy) }
    }
    // What was renamed in an earlier life, which ended before the fsync.
    try files.synchronizeDirectory(Self.directory)
    for name in try files.list(Self.importDirectory) {
      try files.remove("\(Self.importDirectory)/\(name)")
    }
  }
}

extension MoveStep {
  var epoch: Epoch {
    switch self {
    case .begin(let epoch), .burn(let epoch), .release(let epoch, _), .concede(let epoch),
      .importing(let epoch), .ready(let epoch, _), .adopt(let epoch, _), .refuse(let epoch):
      epoch
    }
  }

  var kind: RecordKind {
    switch self {
    case .begin: .begin
    case .burn: .burn
    case .release, .concede: .release
    case .importing: .import
    case .ready: .ready
    case .adopt: .adopt
    case .refuse: .refuse
    }
  }
}
