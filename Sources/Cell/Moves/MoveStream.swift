import Storage
import Wire

/// The records that became true since a tenant's files were copied, on their way to the target.
struct MoveStream: Sendable {
  private let engine: StorageEngine
  private let order: MoveOrder
  private let target: MovePeer
  private(set) var position: MovePosition
  private(set) var records: UInt64 = 0

  init(engine: StorageEngine, order: MoveOrder, target: MovePeer, at position: MovePosition) {
    self.engine = engine
    self.order = order
    self.target = target
    self.position = position
  }

  /// Sends until little is left: what comes from here on fits into the fence's own message.
  ///
  /// `rests`: leaves room for others, while the tenant is served. Throws `overloaded` where the
  /// tenant writes faster than its target takes it.
  mutating func catchUp(
    rests: Bool, _ isCancelled: @Sendable () -> Bool
  ) async throws {
    var pace = MovePace()
    var gain = CatchUpGain()
    for _ in 0..<MoveLimits.catchUpRounds {
      guard !isCancelled() else { throw MoveOrder.cancelled }
      let waiting = engine.movedBytesWaiting(order.tenant)
      if rests, waiting > MoveLimits.catchUpBytes, gain.isSeen(in: waiting) {
        // In pieces, each with its rest: applied at once, what was written during a copy keeps a
        // processor of the target's for as long as its neighbours notice.
        let piece = max(MoveLimits.catchUpBytes, waiting / MoveLimits.catchUpPart)
        try await pace.work { try await send(upTo: min(piece, MoveLimits.recordBytes)) }
        continue
      }
      try await send()
      if waiting <= MoveLimits.fenceBytes { return }
    }
    throw Failure(.overloaded, "the tenant writes faster than its target can take it")
  }

  /// Sends the rest with the fence; returns once the target is durably ready.
  ///
  /// Throws `conflict` or `verificationFailed` where the target has something else.
  mutating func finish(
    _ fence: MoveFence, _ directives: Directives, within timeout: Duration
  ) async throws(Failure) {
    var message = Aimstors_ProtoMoveFence()
    message.tenantSeq = fence.tenantSeq.rawValue
    message.hash = .init(fence.hash.bytes)
    for (name, digest) in fence.digests { message.digests[name] = "\(digest)" }
    directives.describe(order.tenant, in: &message)
    while engine.movedBytesWaiting(order.tenant) > MoveLimits.recordBytes {
      try await send(within: timeout)
    }
    try await send(fence: message, within: timeout)
    guard position.hash == fence.hash else {
      throw Failure(.conflict, "the target stands at another record than the source")
    }
  }

  private mutating func send(
    upTo bytes: Int = MoveLimits.recordBytes, fence: Aimstors_ProtoMoveFence? = nil,
    within timeout: Duration = MoveLimits.copyTimeout
  ) async throws(Failure) {
    let records = try engine.takeMoved(order.tenant, after: position.tenantSeq, bytes: bytes)
    guard !records.isEmpty || fence != nil else { return }
    var message = Aimstors_ProtoMoveRecords()
    message.tenant = order.tenant.rawValue
    message.epoch = order.epoch.rawValue
    message.records = records.map { .init($0.encoded) }
    if let fence { message.fence = fence }
    let answer: Aimstors_ProtoMovePosition = try await target.ask(
      .moveRecords, message, timeout: timeout)
    guard let hash = SHA256Hash(copying: answer.hash) else {
      throw Failure(.internalError, "a hash has 32 bytes")
    }
    position = MovePosition(tenantSeq: TenantSeq(answer.tenantSeq), hash: hash)
    self.records += UInt64(records.count)
    if let last = records.last, last.hash != hash {
      throw Failure(.conflict, "the target stands at another record than was sent")
    }
  }
}
