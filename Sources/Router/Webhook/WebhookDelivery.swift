import Logging
import Messaging
import Platform
import SwiftProtobuf
import Wire

/// Makes every part of one authentic body durable somewhere: with its owner, or else in the spool
/// of any live cell.
///
/// Delivering twice is harmless; losing is not.
struct WebhookDelivery: Sendable {
  let keeper: MapKeeper
  let messenger: any Messenger
  let limits: RouterLimits
  let turns: TenantTurns
  let clock: any WallClock
  let metrics: RouterMetrics
  let logger: Logger

  private enum Destination: Sendable {
    case part(WebhookSplit.Part)
    /// The body whole.
    case whole
  }

  /// Returns once everything is durable.
  ///
  /// Throws `not_stored` where something is not: Meta sends the body again.
  func deliver(
    _ body: [UInt8], app: PlacementMap.MetaApp, traceID: String
  ) async throws(Failure) {
    let split = await split(body, app)
    var all = split.parts.map(Destination.part)
    if split.isIncomplete { all.append(.whole) }
    let receivedAt = clock.milliseconds()
    let hash = Digests.sha256(body)
    // What is one tenant's alone may wait as it came: an operator sees the bytes that were signed.
    let whole = all.count == 1 ? body : nil
    @Sendable func store(_ destination: Destination) async -> Bool {
      switch destination {
      case .part(let part):
        var proto = Aimstors_ProtoWebhookPart()
        proto.metaApp = app.id.rawValue
        proto.bodySha256 = .init(hash)
        proto.receivedAtMs = receivedAt
        proto.changes = part.changes
        return await self.store(proto, part.way, whole, traceID)
      case .whole:
        var spooled = Aimstors_ProtoSpoolPart()
        spooled.reason = "unparseable"
        spooled.body = .init(body)
        spooled.metaApp = app.id.rawValue
        spooled.receivedAtMs = receivedAt
        return await spool(spooled, avoiding: nil, traceID)
      }
    }
    guard await allStored(all, by: store) else {
      metrics.notStored(at: Timestamp(milliseconds: receivedAt))
      logger.error(
        "a webhook was not stored; Meta will send it again",
        metadata: [
          "trace_id": .string(traceID), "meta_app": .string(app.id.rawValue),
          "bytes": "\(body.count)", "parts": "\(all.count)",
        ])
      throw Failure(
        .notStored, "the webhook could not be stored; send it again", retryAfterMilliseconds: 5_000)
    }
  }

  /// Stores all at once, a bounded number at a time; true only where every one is durable.
  private func allStored(
    _ all: [Destination], by store: @escaping @Sendable (Destination) async -> Bool
  ) async -> Bool {
    if all.count == 1 { return await store(all[0]) }
    return await withTaskGroup(of: Bool.self) { group in
      var rest = all[...]
      for destination in rest.prefix(limits.deliveriesPerBody) {
        group.addTask { await store(destination) }
      }
      rest = rest.dropFirst(limits.deliveriesPerBody)
      var isWhole = true
      while let stored = await group.next() {
        isWhole = isWhole && stored
        if let destination = rest.popFirst() { group.addTask { await store(destination) } }
      }
      return isWhole
    }
  }

  /// Cuts the body by the map; where that does not know a number, by a newer one.
  private func split(_ body: [UInt8], _ app: PlacementMap.MetaApp) async -> WebhookSplit {
    let first = splitNow(body, app)
    let isKnown = first.parts.allSatisfy { part in
      if case .unknown = part.way { false } else { true }
    }
    guard !isKnown, await keeper.refreshForLookup() else { return first }
    return splitNow(body, app)
  }

  private func splitNow(_ body: [UInt8], _ app: PlacementMap.MetaApp) -> WebhookSplit {
    WebhookSplit(body, bound: app.tenant) { kind, key in
      keeper.read { $0.tenant(holding: kind, key) }
    }
  }

  /// Stores one part with its owner or in a spool; there as the body it came in, where that is
  /// given, and else as its changes.
  private func store(
    _ part: Aimstors_ProtoWebhookPart, _ way: WebhookSplit.Part.Way, _ body: [UInt8]?,
    _ traceID: String
  ) async -> Bool {
    let reason: String
    var owner: TenantID?
    var avoiding: CellID?
    switch way {
    case .owner(let tenant):
      guard case .failed(let cell) = await deliver(part, to: tenant, traceID) else {
        metrics.webhook(.delivered)
        return true
      }
      reason = "owner_unreachable"
      (owner, avoiding) = (tenant, cell)
    case .unknown:
      reason = "number_unknown"
    case .foreign(let key):
      logger.warning(
        "a Meta app reaches for another tenant's number",
        metadata: [
          "trace_id": .string(traceID), "meta_app": .string(part.metaApp), "key": .string(key),
        ])
      reason = "number_foreign"
    }
    var spooled = Aimstors_ProtoSpoolPart()
    spooled.reason = reason
    spooled.metaApp = part.metaApp
    spooled.receivedAtMs = part.receivedAtMs
    spooled.part = part
    if let owner { spooled.part.tenant = owner.rawValue }
    if let body {
      spooled.body = .init(body)
      spooled.part.changes = []
    }
    return await spool(spooled, avoiding: avoiding, traceID)
  }

  private enum Tried {
    case stored
    case failed(CellID?)
  }

  /// Tries the owner; while that one says that the tenant is elsewhere, whom the map names next.
  private func deliver(
    _ part: Aimstors_ProtoWebhookPart, to tenant: TenantID, _ traceID: String
  ) async -> Tried {
    var part = part
    part.tenant = tenant.rawValue
    var last: PlacementMap.Placement?
    let end = ContinuousClock.now + limits.ownerTime
    while let route = keeper.route(of: tenant), last == nil || ContinuousClock.now < end {
      last = route.placement
      part.epoch = route.placement.epoch.rawValue
      guard
        let turn = await turns.enter(tenant, at: route.cell.id, by: .now + limits.ownerTime)
      else { break }
      defer { turns.leave(turn) }
      do {
        let payload: [UInt8] = try part.serializedBytes()
        _ = try await messenger.peer(at: Address(route.cell.address)).request(
          .webhookPart, payload, timeout: limits.ownerTime, traceID: traceID)
        return .stored
      } catch MessagingError.refused(let failure) where failure.code == .moved {
        // A move's fence takes milliseconds, and the map follows it.
        _ = await keeper.refreshForLookup()
        do { try await Task.sleep(for: limits.movedPause) } catch { break }
      } catch {
        logger.debug(
          "a webhook part's owner did not take it",
          metadata: [
            "trace_id": .string(traceID), "tenant": .string(tenant.rawValue), "error": "\(error)",
          ])
        break
      }
    }
    return .failed(last?.cell)
  }

  /// Puts a part into the spool of one live cell, whichever takes it first; `avoiding` comes last.
  private func spool(
    _ part: Aimstors_ProtoSpoolPart, avoiding: CellID?, _ traceID: String
  ) async -> Bool {
    guard let payload: [UInt8] = try? part.serializedBytes() else { return false }
    for cell in spoolOrder(avoiding).prefix(limits.spoolAttempts) {
      do {
        let answer = try await messenger.peer(at: Address(cell.address)).request(
          .spoolStore, payload, timeout: limits.spoolTime, traceID: traceID)
        guard !(try Aimstors_ProtoSpoolStored(serializedBytes: answer)).id.isEmpty else { continue }
        metrics.webhook(.spooled(part.reason))
        return true
      } catch {
        logger.warning(
          "a cell did not spool a webhook part",
          metadata: [
            "trace_id": .string(traceID), "cell": "\(cell.id)", "bytes": "\(payload.count)",
            "error": "\(error)",
          ])
      }
    }
    return false
  }

  /// Cells that serve: connected ones first, then those that are emptied and soon gone, the one
  /// that just failed last.
  private func spoolOrder(_ avoiding: CellID?) -> [PlacementMap.Cell] {
    let cells = keeper.read { Array($0.cells.values) }
    let rank = { (cell: PlacementMap.Cell) -> Int in
      if cell.id == avoiding { return 3 }
      if cell.state == "draining" { return 2 }
      return messenger.peer(at: Address(cell.address)).isConnected ? 0 : 1
    }
    return cells.filter { ["active", "draining"].contains($0.state) && !$0.address.isEmpty }
      .map { (cell: $0, rank: rank($0)) }
      .sorted { ($0.rank, $0.cell.id) < ($1.rank, $1.cell.id) }.map(\.cell)
  }
}
