import Edge
import Platform
import Storage
import Synchronization
import Wire

/// Tenants on their way out of this cell: ordered moves, and what a restart left of them.
final class Departures: Sendable {
  private struct State {
    /// Tenants with a move under way here.
    var moving: Set<TenantID> = []
    /// Operations that somebody wants given up.
    var cancelled: Set<String> = []
  }

  private let environment: MoveEnvironment
  private let state = Mutex(State())

  init(_ environment: MoveEnvironment) { self.environment = environment }

  /// Gives an operation's move up where its release is not being written; it burns its epoch.
  func cancel(_ operation: String) { state.withLock { _ = $0.cancelled.insert(operation) } }

  /// Hears an order again while its move is under way: it names where the target answers now.
  func heard(_ order: MoveOrder) {
    guard state.withLock({ $0.moving.contains(order.tenant) }) else { return }
    environment.heard(order.tenant, at: order.address)
  }

  /// Moves a tenant; answers the result as JSON.
  func move(_ order: MoveOrder, _ progress: CellWork.Progress) async throws -> String {
    // What a restart left of the same move may be on its way already: for as long as its target is
    // away, and what ends that wait may be work of this cell.
    while !enter(order.tenant) {
      if environment.engine.release(of: order.tenant)?.epoch == order.epoch {
        progress.step("adopt")
      }
      progress.waits()
      try await Task.sleep(for: MoveLimits.quiesceLook)
    }
    defer { leave(order) }
    let move = TenantMove(
      environment: environment, order: order, target: environment.peer(at: order.address),
      progress: progress,
      isCancelled: { [self] in state.withLock { $0.cancelled.contains(order.operation) } })
    return String(decoding: try EdgeJSON.encode(try await move.run()), as: UTF8.self)
  }

  /// Whether nobody else moves the tenant.
  private func enter(_ tenant: TenantID) -> Bool {
    state.withLock { $0.moving.insert(tenant).inserted }
  }

  private func leave(_ order: MoveOrder) {
    state.withLock { state in
      environment.forgetAddress(order.tenant)
      state.moving.remove(order.tenant)
      state.cancelled.remove(order.operation)
    }
  }

  /// What a dry run says: nothing is changed.
  func plan(_ order: MoveOrder) async throws -> String {
    let engine = environment.engine
    guard let head = engine.servedHeads[order.tenant] else {
      throw Failure(.notFound, "no such tenant in this cell")
    }
    let snapshot = try await environment.size(of: order.tenant)
    let pause = try await PredictedPause.measure(order, environment)
    let plan = MovePlan(
      tenantID: order.tenant.rawValue, fromCell: environment.cell.rawValue,
      toCell: order.target.rawValue, fromEpoch: head.epoch.rawValue, bytes: snapshot,
      predictedPauseMicroseconds: pause.microseconds,
      copySeconds: Double(snapshot) / Double(MoveLimits.copyBytesPerSecond))
    return String(decoding: try EdgeJSON.encode(plan), as: UTF8.self)
  }

  // What a restart left, and what is kept for a while.

  /// Settles what was begun, hands over what was released, and removes old files, until the task is
  /// cancelled.
  func run() async {
    let place = "\(environment.dataDirectory)/moving"
    let files = environment.files
    _ = await Blocking.run("move") { try FileTree.remove(place, files) }
    await withTaskGroup(of: Void.self) { group in
      // What a restart left: each by itself, since each may take long.
      for (tenant, head) in environment.engine.servedHeads where head.ownership == .moving {
        group.addTask { await self.alone(tenant) { await self.settle(tenant, head) } }
      }
      for (tenant, _) in environment.engine.departing {
        group.addTask { await self.alone(tenant) { await self.handOver(tenant) } }
      }
      group.addTask {
        while !Task.isCancelled {
          self.reap()
          do { try await Task.sleep(for: MoveLimits.reapInterval) } catch { return }
        }
      }
      await group.waitForAll()
    }
  }

  private func alone(_ tenant: TenantID, _ body: () async -> Void) async {
    guard enter(tenant) else { return }
    await body()
    state.withLock { state in
      environment.forgetAddress(tenant)
      state.moving.remove(tenant)
    }
  }

  /// Ends a move that nobody drives any more: its epoch is burned.
  ///
  /// A promoted cell may lack the release: it serves the tenant once the target has durably refused
  /// it, and never where the target has adopted.
  private func settle(_ tenant: TenantID, _ head: TenantHead) async {
    let engine = environment.engine
    var question = Aimstors_ProtoMoveQuestion()
    question.tenant = tenant.rawValue
    question.epoch = head.armed.rawValue
    var wait = MoveLimits.firstRetry
    while !Task.isCancelled {
      let peer = await environment.remembered(tenant)
      do throws(Failure) {
        if !engine.serves(tenant) {
          guard let peer else { throw Failure(.cellUnavailable, "the move's target is unknown") }
          _ = try await peer.ask(.moveRefuse, question, timeout: MoveLimits.releaseTimeout)
          engine.resumeMoving(tenant)
        }
        try await engine.burnMove(tenant, under: head.armed)
        environment.wake(tenant)
        _ = try? await peer?.ask(.moveRefuse, question, timeout: MoveLimits.releaseTimeout)
        return
      } catch  where error.code == .alreadyDone || error.code == .notFound {
        return
      } catch  where error.code == .conflict && !engine.serves(tenant) {
        guard (try? await engine.concedeMove(tenant, under: head.armed)) != nil else { continue }
        try? engine.depart(tenant)
        return
      } catch {
        environment.log.warning(
          "a move that a restart left is not settled yet",
          metadata: ["tenant": "\(tenant)", "failure": "\(error)"])
        try? await Task.sleep(for: wait)
        wait = min(wait * 2, MoveLimits.longestRetry)
      }
    }
  }

  private func handOver(_ tenant: TenantID) async {
    let handOver = MoveHandOver(environment: environment, tenant: tenant)
    guard (try? await handOver.run()) != nil else { return }
    try? environment.engine.depart(tenant)
  }

  /// Removes files of tenants that left long ago, or at all where the disk needs the room: the
  /// tenants are served from others.
  func reap() {
    let engine = environment.engine
    let isShort = environment.room.isShort
    let now = environment.now.milliseconds
    for (tenant, epoch) in engine.departed {
      // What left under an older epoch than the last is nobody's way back.
      let head = engine.heads[tenant]
      let isCurrent = head?.ownership == .released && head?.armed == epoch
      let age = now - (head?.time.milliseconds ?? 0)
      guard isShort || !isCurrent || age > MoveLimits.departedMilliseconds else { continue }
      engine.removeDeparted(tenant, epoch)
    }
  }
}

/// What a move would cost.
struct MovePlan: Codable, Hashable, Sendable {
  let tenantID: String
  let fromCell: String
  let toCell: String
  let fromEpoch: UInt64
  let bytes: UInt64
  let predictedPauseMicroseconds: Int64
  let copySeconds: Double

  enum CodingKeys: String, CodingKey {
    case tenantID = "tenant_id"
    case fromCell = "from_cell"
    case toCell = "to_cell"
    case fromEpoch = "from_epoch"
    case bytes
    case predictedPauseMicroseconds = "predicted_pause_us"
    case copySeconds = "copy_seconds"
  }
}
