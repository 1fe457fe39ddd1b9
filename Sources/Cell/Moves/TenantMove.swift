import Edge
import Logging
import Platform
import Storage
import Wire

/// One tenant on its way to another cell, as its source drives it.
///
/// Begin, copy, catch up, quiesce, fence, release, hand over. Until the release's append begins any
/// trouble ends the move, the epoch is burned and the tenant goes on here; after it nothing does.
struct TenantMove: Sendable {
  let environment: MoveEnvironment
  let order: MoveOrder
  let target: MovePeer
  let progress: CellWork.Progress
  /// Whether somebody wants it given up.
  let isCancelled: @Sendable () -> Bool

  private var engine: StorageEngine { environment.engine }
  private var tenant: TenantID { order.tenant }

  /// Moves the tenant; throws why it is still here.
  func run() async throws -> MoveResult {
    if let standing = engine.moveStanding(tenant, under: order.epoch) {
      switch standing {
      case .released: return try await handedOver(nil)
      case .burned:
        throw Failure(
          .epochStale, "this move was given up: epoch \(order.epoch.rawValue) is burned")
      case .pending: break
      }
    }
    guard let before = engine.servedHeads[tenant] else {
      throw Failure(.notFound, "no such tenant in this cell")
    }
    if before.ownership == .moving {
      // Begun before a restart: nobody drives it any more.
      try await engine.burnMove(tenant, under: before.armed)
      guard before.armed < order.epoch else {
        throw Failure(.epochStale, "a restart of the source ended this move")
      }
    }
    progress.step("begin")
    let metrics = engine.metrics.journal
    try await environment.remember(tenant, at: order.address)
    // A target that is on its way up is waited for later: of that nothing can be said yet.
    let pause = try? await PredictedPause.measure(order, environment, since: metrics)
    try pause?.demand(under: order)
    do throws(Failure) {
      try await engine.beginMove(tenant, to: order.target, under: order.epoch)
    } catch {
      // It may have begun, and nobody would drive it.
      if error.code == .outcomeUnknown { await giveUp() }
      throw error
    }
    await MoveStops.pass("begin")
    do {
      return try await moveOn(from: before.epoch)
    } catch let failure as Failure where engine.servedHeads[tenant] == nil {
      // Past its commit point: it is to be handed over, whatever was in the way.
      environment.log.error(
        "a released tenant is not handed over yet",
        metadata: ["tenant": "\(tenant)", "failure": "\(failure)"])
      return try await handedOver(nil)
    } catch {
      await giveUp()
      throw error
    }
  }

  private func moveOn(from epoch: Epoch) async throws -> MoveResult {
    let copy = MoveCopy(
      environment: environment, order: order, target: target, progress: progress,
      isCancelled: isCancelled)
    let copied = try await copy.run()
    var stream = MoveStream(engine: engine, order: order, target: target, at: copied.position)
    progress.step("stream", done: Int64(stream.records))
    await MoveStops.pass("stream")
    try await stream.catchUp(rests: true, isCancelled)
    await engine.openFiles(of: tenant)
    try await demandPromptFollowers(patience: MoveLimits.acknowledgementPatience)
    progress.step("quiesce", done: Int64(stream.records))
    let gate = environment.directives
    gate.quiesce(tenant, since: environment.now)
    defer { gate.quiesce(tenant, since: nil) }
    let open = await environment.quiesce(tenant)
    await MoveStops.pass("quiesce")
    try await stream.catchUp(rests: false, isCancelled)
    try await demandPromptFollowers(patience: .zero)
    progress.step("fence", done: Int64(stream.records))
    let fencedTime = environment.now
    let fenced = try await fence(&stream)
    return try await handedOver(
      MoveFacts(
        fencedAt: fenced, fencedTime: fencedTime, bytes: copied.bytes, records: stream.records,
        epoch: epoch,
        openIntents: open))
  }

  /// Waits until no follower of this cell would keep the release waiting, which nobody could take
  /// back then.
  ///
  /// At the begin there is no need to ask: its record waits for them, and lets go of those that do
  /// not answer. Throws `overloaded` after `patience`.
  private func demandPromptFollowers(patience: Duration) async throws {
    let end = ContinuousClock.now + patience
    while let follower = await environment.lateFollower(tenant) {
      guard !isCancelled() else { throw MoveOrder.cancelled }
      guard ContinuousClock.now < end else {
        throw Failure(
          .overloaded,
          "follower \(follower) takes over \(MoveLimits.acknowledgementAge) to acknowledge")
      }
      try await Task.sleep(for: MoveLimits.acknowledgementPause)
    }
  }

  /// Fences, has the target ready, releases; answers when the fence began.
  private func fence(_ stream: inout MoveStream) async throws -> UInt64 {
    let began = MonotonicTime.nanoseconds()
    let end = began + UInt64(order.capMilliseconds) * 1_000_000
    let fence = try await engine.fence(tenant, within: UInt64(order.capMilliseconds) * 1_000_000)
    await MoveStops.pass("fence")
    let left = Int64(clamping: end) - Int64(clamping: MonotonicTime.nanoseconds())
    guard left > 0 else {
      throw Failure(.deadlineExceeded, "the cap of the move's pause was reached")
    }
    try await stream.finish(fence, environment.directives, within: .nanoseconds(left))
    progress.step("release", done: Int64(stream.records))
    await MoveStops.pass("ready")
    guard !isCancelled() else { throw MoveOrder.cancelled }
    // Before anybody can see the release: its target may ask for it by itself.
    environment.rates.note(tenant)
    do {
      // Also where that throws: it may be released all the same.
      defer {
        if engine.servedHeads[tenant] == nil {
          environment.left(tenant)
        } else {
          environment.rates.dropNote(tenant)
        }
      }
      _ = try await engine.releaseMove(
        tenant, to: order.target, under: order.epoch, ready: fence.hash
      ) { MonotonicTime.nanoseconds() < end }
    }
    await MoveStops.pass("release")
    return began
  }

  /// Tells the release until the target has adopted, then puts the files aside.
  private func handedOver(_ facts: MoveFacts?) async throws -> MoveResult {
    progress.step("adopt", done: Int64(facts?.records ?? 0))
    progress.waits()
    try await MoveHandOver(environment: environment, tenant: tenant).run()
    await MoveStops.pass("adopt")
    let pause = facts.map { Int64((MonotonicTime.nanoseconds() - $0.fencedAt) / 1_000) }
    let result = MoveResult(
      tenantID: tenant.rawValue, fromCell: environment.cell.rawValue,
      toCell: order.target.rawValue,
      fromEpoch: (facts?.epoch ?? engine.heads[tenant]?.epoch ?? order.epoch).rawValue,
      toEpoch: order.epoch.rawValue, pauseMicroseconds: pause,
      pauseMilliseconds: pause.map { ($0 + 999) / 1_000 }, fencedAt: facts?.fencedTime,
      servedAt: environment.now, bytes: facts?.bytes ?? 0,
      records: facts?.records ?? 0, digestMatch: true, openIntents: facts?.openIntents ?? 0)
    environment.log.notice(
      "tenant moved",
      metadata: [
        "tenant": "\(tenant)", "to": "\(order.target)", "epoch": "\(order.epoch.rawValue)",
        "pause_us": "\(pause ?? -1)",
      ])
    try engine.depart(tenant)
    return result
  }

  /// Burns the epoch, serves the tenant again, and tells the target.
  private func giveUp() async {
    var wait = MoveLimits.firstRetry
    while !Task.isCancelled {
      do throws(Failure) {
        try await engine.burnMove(tenant, under: order.epoch)
        break
      } catch  where error.code == .alreadyDone || error.code == .notFound {
        break
      } catch {
        // Held by something else, or the disk is full: until it is burned it cannot begin again.
        environment.log.warning(
          "a move's epoch is not burned yet",
          metadata: ["tenant": "\(tenant)", "failure": "\(error)"])
        try? await Task.sleep(for: wait)
        wait = min(wait * 2, MoveLimits.longestRetry)
      }
    }
    environment.wake(tenant)
    var question = Aimstors_ProtoMoveQuestion()
    question.tenant = tenant.rawValue
    question.epoch = order.epoch.rawValue
    // Where it does not hear it, it asks.
    _ = try? await target.ask(.moveRefuse, question, timeout: MoveLimits.releaseTimeout)
  }
}

/// What a source knows of a move that it has released.
private struct MoveFacts: Sendable {
  let fencedAt: UInt64
  let fencedTime: Timestamp
  let bytes: UInt64
  let records: UInt64
  let epoch: Epoch
  let openIntents: Int
}
