import Logging
import Messaging
import Platform
import Storage
import SwiftProtobuf
import Synchronization
import Wire

/// Tenants on their way into this cell, as their sources drive it.
///
/// Which records may follow which is the engine's; here are files, limits and who asks.
final class Arrivals: Sendable {
  private struct Arrival {
    let epoch: Epoch
    let source: CellID
    /// What was written of the file that came last.
    var file = ""
    var length: UInt64 = 0
    var heardAt: UInt64
  }

  private let environment: MoveEnvironment
  private let diskFree: @Sendable () -> UInt64
  private let state = Mutex<[TenantID: Arrival]>([:])

  init(_ environment: MoveEnvironment, diskFree: @escaping @Sendable () -> UInt64) {
    self.environment = environment
    self.diskFree = diskFree
  }

  private var engine: StorageEngine { environment.engine }

  // What a source asks, in the order of a move.

  func begin(_ message: Aimstors_ProtoMoveBegin, from source: CellID) async throws(Failure) {
    let tenant = try Self.tenant(message.tenant)
    guard !environment.hasFollowers else {
      throw Failure(.invalidState, "a cell with followers takes no tenants from other cells yet")
    }
    let skew = abs(environment.clock.milliseconds() - message.timeMs)
    guard skew <= MoveLimits.skewMilliseconds else {
      throw Failure(.invalidState, "the clocks of the two cells are \(skew) ms apart")
    }
    let free = diskFree()
    // The copy, and the journal's records of what is written meanwhile.
    guard free / 2 >= message.bytes + CellLimits.diskReserveBytes else {
      throw Failure(.cellFull, "\(message.bytes) bytes do not fit into \(free) free ones")
    }
    let epoch = Epoch(message.epoch)
    let now = MonotonicTime.nanoseconds()
    let isRefused = state.withLock { state in
      guard state.count < MoveLimits.incoming || state[tenant] != nil else { return true }
      state[tenant] = Arrival(epoch: epoch, source: source, heardAt: now)
      return false
    }
    if isRefused {
      throw Failure(
        .overloaded, "\(MoveLimits.incoming) tenants are on their way into this cell",
        retryAfterMilliseconds: 1_000)
    }
    do {
      try await environment.remember(tenant, at: message.sourceAddress)
      try await onThread { [engine] in try engine.prepareImport(tenant, under: epoch) }
    } catch {
      forget(tenant)
      throw error
    }
  }

  func file(_ message: Aimstors_ProtoMoveFile) async throws(Failure) {
    let tenant = try Self.tenant(message.tenant)
    let epoch = Epoch(message.epoch)
    let path = try self.path(of: message.name, tenant, epoch)
    let expected = try hear(tenant, epoch) { arrival in
      if arrival.file != message.name {
        arrival.file = message.name
        arrival.length = 0
      }
      return arrival.length
    }
    guard expected == message.offset else {
      throw Failure(.conflict, "\(message.name) goes on at byte \(expected)")
    }
    let (files, content) = (environment.files, Array(message.content))
    let isObject = message.name.hasPrefix("media/")
    try await onThread {
      if let slash = path.lastIndex(of: "/") { try files.createDirectory(String(path[..<slash])) }
      let file = try files.open(path, expected == 0 ? .create : .update)
      defer { file.close() }
      try file.write(content, at: expected)
      // A tenant's own files are synced when they are settled, once.
      if isObject { try file.synchronize() }
    }
    _ = try hear(tenant, epoch) { arrival in
      arrival.length = expected + UInt64(content.count)
      return 0
    }
  }

  /// Only names that this cell's own files could have: a name is no path.
  private func path(
    of name: String, _ tenant: TenantID, _ epoch: Epoch
  ) throws(Failure) -> String {
    let isFile = engine.fileNames(of: tenant).contains(name)
    let object = name.hasPrefix("media/") ? SHA256Hash(hexadecimal: String(name.dropFirst(6))) : nil
    guard isFile || object != nil else {
      throw Failure(.invalidField, "name: not a file of a tenant's")
    }
    return "\(engine.importDirectory(tenant, under: epoch))/\(name)"
  }

  func complete(_ message: Aimstors_ProtoMoveImport) async throws(Failure) {
    let tenant = try Self.tenant(message.tenant)
    let epoch = Epoch(message.epoch)
    guard let hash = SHA256Hash(copying: message.hash) else {
      throw Failure(.invalidField, "a hash has 32 bytes")
    }
    _ = try hear(tenant, epoch) { _ in 0 }
    let source = try source(of: tenant, epoch)
    try await engine.beginImport(
      MoveImport(
        tenant: tenant, lineage: Lineage(message.lineage), epoch: epoch, source: source,
        tenantSeq: TenantSeq(message.tenantSeq), hash: hash,
        time: Timestamp(milliseconds: message.timeMs), schemaVersion: message.schemaVersion,
        nextDue: message.nextDueMs == 0 ? nil : Timestamp(milliseconds: message.nextDueMs)))
  }

  func records(
    _ message: Aimstors_ProtoMoveRecords
  ) async throws(Failure) -> Aimstors_ProtoMovePosition {
    let tenant = try Self.tenant(message.tenant)
    let epoch = Epoch(message.epoch)
    _ = try hear(tenant, epoch) { _ in 0 }
    var records: [SealedRecord] = []
    for bytes in message.records {
      do { records.append(try SealedRecord(decoding: Array(bytes))) } catch {
        throw Failure(.invalidRequest, "a record that is none: \(error)")
      }
    }
    let head = try await engine.appendImported(tenant, under: epoch, records)
    if message.hasFence { try await ready(message.fence, tenant, epoch) }
    var answer = Aimstors_ProtoMovePosition()
    answer.tenantSeq = head.tenantSeq.rawValue
    answer.hash = .init(head.hash.bytes)
    return answer
  }

  /// The standing orders first: from the adoption on they are in force here.
  private func ready(
    _ message: Aimstors_ProtoMoveFence, _ tenant: TenantID, _ epoch: Epoch
  ) async throws(Failure) {
    guard let hash = SHA256Hash(copying: message.hash) else {
      throw Failure(.invalidField, "a hash has 32 bytes")
    }
    var digests: [String: Storage.Digest] = [:]
    for (name, text) in message.digests {
      guard let value = UInt128(text, radix: 16) else {
        throw Failure(.invalidField, "digests: 32 hexadecimal digits each")
      }
      digests[name] = Storage.Digest(value)
    }
    try await environment.directives.take(message, of: tenant)
    try await engine.readyForMove(
      tenant, under: epoch,
      MoveFence(tenantSeq: TenantSeq(message.tenantSeq), hash: hash, digests: digests))
  }

  func adopt(_ message: Aimstors_ProtoMoveRelease) async throws(Failure) {
    let tenant = try Self.tenant(message.tenant)
    let head = try await engine.adoptMoved(tenant, try MoveRelease(message))
    forget(tenant)
    environment.arrived(tenant, message.meters)
    environment.log.notice(
      "tenant adopted", metadata: ["tenant": "\(tenant)", "epoch": "\(head.epoch.rawValue)"])
  }

  /// The source has burned the epoch.
  func refuse(_ message: Aimstors_ProtoMoveQuestion) async throws(Failure) {
    let tenant = try Self.tenant(message.tenant)
    try await engine.refuseMoved(tenant, under: Epoch(message.epoch))
    forget(tenant)
  }

  /// What became of a move of this cell's, as its target asks.
  func standing(
    _ message: Aimstors_ProtoMoveQuestion
  ) throws(Failure) -> Aimstors_ProtoMoveStanding {
    let tenant = try Self.tenant(message.tenant)
    var answer = Aimstors_ProtoMoveStanding()
    switch engine.moveStanding(tenant, under: Epoch(message.epoch)) {
    case .pending, nil: answer.state = "pending"
    case .burned: answer.state = "burned"
    case .released(let release):
      answer.state = "released"
      answer.release = release.message(of: tenant)
    }
    return answer
  }

  // What became of those that nothing was heard of.

  /// Asks sources, until the task is cancelled.
  func run() async {
    while !Task.isCancelled {
      await askSources()
      try? await Task.sleep(for: MoveLimits.standingInterval)
    }
  }

  private func askSources() async {
    let now = MonotonicTime.nanoseconds()
    let silence = UInt64(MoveLimits.silence / .nanoseconds(1))
    // Copies that stopped before their import: files and nothing else.
    let silent = state.withLock { state in
      state.filter { now - min(now, $0.value.heardAt) >= silence }
    }
    for (tenant, arrival) in silent {
      // What is ready may have been released: only its source knows.
      if engine.heads[tenant]?.ownership == .ready { continue }
      try? await engine.refuseMoved(tenant, under: arrival.epoch)
      forget(tenant)
    }
    for (tenant, head) in engine.arriving {
      let heardAt = state.withLock { $0[tenant]?.heardAt }
      // A source that speaks with us now will say by itself what becomes of it.
      if head.ownership == .importing, let heardAt, now - min(now, heardAt) < silence { continue }
      if head.ownership == .ready, let heardAt, now - min(now, heardAt) < 2_000_000_000 { continue }
      await settle(tenant, head)
    }
  }

  private func settle(_ tenant: TenantID, _ head: TenantHead) async {
    // Not ready, it can never be released to: whatever the source thinks, it has to begin anew.
    guard head.ownership == .ready else {
      try? await engine.refuseMoved(tenant, under: head.armed)
      return forget(tenant)
    }
    guard let source = await environment.remembered(tenant) else { return }
    var question = Aimstors_ProtoMoveQuestion()
    question.tenant = tenant.rawValue
    question.epoch = head.armed.rawValue
    guard
      let answer: Aimstors_ProtoMoveStanding = try? await source.ask(
        .moveStanding, question, timeout: MoveLimits.releaseTimeout)
    else { return }
    switch answer.state {
    case "released": try? await adopt(answer.release)
    case "burned": try? await refuse(question)
    default: break
    }
  }

  // Who is on the way.

  private func hear(
    _ tenant: TenantID, _ epoch: Epoch, _ body: (inout Arrival) -> UInt64
  ) throws(Failure) -> UInt64 {
    let now = MonotonicTime.nanoseconds()
    let found = state.withLock { state -> UInt64? in
      guard var arrival = state[tenant], arrival.epoch == epoch else { return nil }
      arrival.heardAt = now
      defer { state[tenant] = arrival }
      return body(&arrival)
    }
    guard let found else {
      throw Failure(.notFound, "this tenant is not on its way here under this epoch")
    }
    return found
  }

  private func source(of tenant: TenantID, _ epoch: Epoch) throws(Failure) -> CellID {
    guard let arrival = state.withLock({ $0[tenant] }), arrival.epoch == epoch else {
      throw Failure(.notFound, "this tenant is not on its way here under this epoch")
    }
    return arrival.source
  }

  private func forget(_ tenant: TenantID) {
    state.withLock { _ = $0.removeValue(forKey: tenant) }
  }

  private static func tenant(_ text: String) throws(Failure) -> TenantID {
    guard let tenant = TenantID(text), tenant != .cellStore else {
      throw Failure(.invalidIdentifier, "not a tenant id")
    }
    return tenant
  }

  private func onThread(_ body: @escaping @Sendable () throws -> Void) async throws(Failure) {
    do { try await Blocking.run("import", body).get() } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(.diskFull, "the tenant's files could not be written: \(error)")
    }
  }
}
