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
    /// Of its files, as the source says.
    let bytes: UInt64
    /// Who must have the files before this cell is ready.
    let followers: Set<String>
  }

  private let environment: MoveEnvironment
  private let followers: FollowerCopies
  /// Stores a tenant's files in the archive.
  private let archived: @Sendable (TenantID) async throws -> Void
  private let parts: ImportParts
  private let state = Mutex<[TenantID: Arrival]>([:])

  init(
    _ environment: MoveEnvironment, followers: FollowerCopies,
    archived: @escaping @Sendable (TenantID) async throws -> Void
  ) {
    self.environment = environment
    self.followers = followers
    self.archived = archived
    parts = ImportParts(environment.engine)
  }

  private var engine: StorageEngine { environment.engine }

  // What a source asks, in the order of a move.

  func begin(_ message: Aimstors_ProtoMoveBegin, from source: CellID) async throws(Failure) {
    let tenant = try TenantID(moving: message.tenant)
    let skew = abs(environment.clock.milliseconds() - message.timeMs)
    guard skew <= MoveLimits.skewMilliseconds else {
      throw Failure(.invalidState, "the clocks of the two cells are \(skew) ms apart")
    }
    let epoch = Epoch(message.epoch)
    let arrival = Arrival(
      epoch: epoch, source: source, bytes: message.bytes, followers: followers.current)
    let isRefused = state.withLock { state in
      guard state.count < MoveLimits.incoming || state[tenant] != nil else { return true }
      state[tenant] = arrival
      return false
    }
    if isRefused {
      throw Failure(
        .overloaded, "\(MoveLimits.incoming) tenants are on their way into this cell",
        retryAfterMilliseconds: 1_000)
    }
    do throws(Failure) {
      try environment.room.take(.arrival(tenant), bytes: message.bytes)
      try await environment.remember(tenant, at: message.sourceAddress)
      try await onThread { [engine] in try engine.prepareImport(tenant, under: epoch) }
      // From the first record on: what arrives is as durable as it was.
      let durability = DurabilityMode(said: message.durability)
      try await environment.directives.set(durability, of: tenant)
      if durability == .follower {
        _ = await environment.directives.untilAsked()
        try followers.demandAsked()
      }
      parts.begin(tenant, epoch)
      try await followers.pass(
        .moveBegin, message, to: arrival.followers, within: MoveLimits.copyTimeout)
    } catch {
      forget(tenant)
      await dropMode(of: tenant)
      throw error
    }
  }

  /// Nothing of the tenant is here, and nothing is on its way.
  private func dropMode(of tenant: TenantID) async {
    guard engine.ownership(tenant)?.state.isHere != true, !isArriving(tenant) else { return }
    _ = try? await environment.directives.set(nil, of: tenant)
  }

  func isArriving(_ tenant: TenantID) -> Bool { state.withLock { $0[tenant] != nil } }

  func file(_ message: Aimstors_ProtoMoveFile) async throws(Failure) {
    let arrival = try arrival(try TenantID(moving: message.tenant), Epoch(message.epoch))
    let (followers, parts) = (followers, parts)
    try await Self.both {
      () async throws(Failure) in
      try await parts.take(message)
    } and: { () async throws(Failure) in
      try await followers.pass(
        .moveFile, message, to: arrival.followers, within: MoveLimits.copyTimeout)
    }
  }

  /// Ends the copy, once: a source asks again where that takes long.
  func complete(_ message: Aimstors_ProtoMoveImport) async throws(Failure) {
    let tenant = try TenantID(moving: message.tenant)
    let epoch = Epoch(message.epoch)
    try parts.hear(tenant, epoch)
    let arrival = try arrival(tenant, epoch)
    let copied = try MoveImport(message, from: arrival.source)
    try await parts.conclude(tenant, epoch) { [self] () async throws(Failure) in
      try await place(copied, message, arrival)
    }
  }

  /// The followers have the files before the record, and the archive before anybody may be ready.
  private func place(
    _ copied: MoveImport, _ message: Aimstors_ProtoMoveImport, _ arrival: Arrival
  ) async throws(Failure) {
    let (tenant, epoch, followers) = (copied.tenant, copied.epoch, followers)
    // One scans while the others do; none gives up because another one takes longer.
    let theirs = Task { () -> Result<Void, Failure> in
      do throws(Failure) {
        return .success(
          try await followers.check(message, of: arrival.bytes, at: arrival.followers))
      } catch { return .failure(error) }
    }
    let beats = Task {
      while (try? await Task.sleep(for: MoveLimits.importBeat)) != nil {
        await followers.goesOn(tenant, epoch, at: arrival.followers)
      }
    }
    defer { beats.cancel() }
    try await engine.beginImport(copied) { () async throws(Failure) in
      try await theirs.value.get()
    }
    try await followers.confirm(tenant, epoch, at: arrival.followers)
    do { try await archived(tenant) } catch let failure as Failure { throw failure } catch {
      throw Failure(.archiveUnavailable, "the tenant's files are not archived: \(error)")
    }
    await engine.openFiles(of: tenant)
  }

  func records(
    _ message: Aimstors_ProtoMoveRecords
  ) async throws(Failure) -> Aimstors_ProtoMovePosition {
    let tenant = try TenantID(moving: message.tenant)
    let epoch = Epoch(message.epoch)
    try parts.hear(tenant, epoch)
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
  ///
  /// Throws `conflict` where a follower is asked by now that came after the files.
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
    try followers.demand(try arrival(tenant, epoch).followers)
    // It may have been asked for while the files came.
    if DurabilityMode(said: message.durability) == .follower { try followers.demandAsked() }
    try await environment.directives.take(message, of: tenant)
    try await engine.readyForMove(
      tenant, under: epoch,
      MoveFence(tenantSeq: TenantSeq(message.tenantSeq), hash: hash, digests: digests))
  }

  func adopt(_ message: Aimstors_ProtoMoveRelease) async throws(Failure) {
    let tenant = try TenantID(moving: message.tenant)
    // A release is told until it is heard, and what the tenant has used since is newer.
    let isNews = engine.heads[tenant]?.ownership == .ready
    let head = try await engine.adoptMoved(tenant, try MoveRelease(message))
    forget(tenant)
    if isNews { environment.arrived(tenant, message) }
    environment.log.notice(
      "tenant adopted", metadata: ["tenant": "\(tenant)", "epoch": "\(head.epoch.rawValue)"])
  }

  /// The source has burned the epoch.
  func refuse(_ message: Aimstors_ProtoMoveQuestion) async throws(Failure) {
    let tenant = try TenantID(moving: message.tenant)
    try await refuse(tenant, under: Epoch(message.epoch))
  }

  private func refuse(_ tenant: TenantID, under epoch: Epoch) async throws(Failure) {
    try await engine.refuseMoved(tenant, under: epoch)
    let arrival = try? arrival(tenant, epoch)
    forget(tenant)
    await dropMode(of: tenant)
    // What is in its place there goes with the journal's record; this is for what is not.
    await followers.discard(tenant, epoch, at: arrival?.followers ?? [])
  }

  /// What became of a move of this cell's, as its target asks.
  func standing(
    _ message: Aimstors_ProtoMoveQuestion
  ) throws(Failure) -> Aimstors_ProtoMoveStanding {
    let tenant = try TenantID(moving: message.tenant)
    var answer = Aimstors_ProtoMoveStanding()
    switch engine.moveStanding(tenant, under: Epoch(message.epoch)) {
    case .pending, nil: answer.state = "pending"
    case .burned: answer.state = "burned"
    case .released(let release):
      answer.state = "released"
      answer.release = release.message(of: tenant)
      environment.rates.add(to: &answer.release, of: tenant)
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
    // Copies that stopped before their import: files and nothing else.
    for (tenant, epoch) in parts.silent(for: MoveLimits.silence) {
      // What is ready may have been released: only its source knows.
      if engine.heads[tenant]?.ownership == .ready { continue }
      try? await refuse(tenant, under: epoch)
      forget(tenant)
    }
    for (tenant, head) in engine.arriving {
      let limit = head.ownership == .ready ? MoveLimits.readySilence : MoveLimits.silence
      // A source that speaks with us now will say by itself what becomes of it.
      if let silence = parts.silence(of: tenant), Duration.nanoseconds(silence) < limit { continue }
      await settle(tenant, head)
    }
  }

  private func settle(_ tenant: TenantID, _ head: TenantHead) async {
    // Not ready, it can never be released to: whatever the source thinks, it has to begin anew.
    guard head.ownership == .ready else {
      try? await refuse(tenant, under: head.armed)
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

  private func arrival(_ tenant: TenantID, _ epoch: Epoch) throws(Failure) -> Arrival {
    guard let arrival = state.withLock({ $0[tenant] }), arrival.epoch == epoch else {
      throw Failure(.notFound, "this tenant is not on its way here under this epoch")
    }
    return arrival
  }

  private func forget(_ tenant: TenantID) {
    state.withLock { _ = $0.removeValue(forKey: tenant) }
    environment.room.giveBack(.arrival(tenant))
    parts.forget(tenant)
  }

  /// Does two things at once; throws where one of them does, once both have ended.
  private static func both(
    _ one: @escaping @Sendable () async throws(Failure) -> Void,
    and other: @escaping @Sendable () async throws(Failure) -> Void
  ) async throws(Failure) {
    let second = Task { () -> Failure? in
      do throws(Failure) { try await other() } catch { return error }
      return nil
    }
    let result: Failure?
    do throws(Failure) {
      try await one()
      result = nil
    } catch { result = error }
    if let failure = await second.value ?? result { throw failure }
  }

  private func onThread(_ body: @escaping @Sendable () throws -> Void) async throws(Failure) {
    do { try await Blocking.run("import", body).get() } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(.diskFull, "the tenant's files could not be written: \(error)")
    }
  }
}
