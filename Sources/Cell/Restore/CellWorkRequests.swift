import Archive
import Edge
import Logging
import Storage
import Wire

/// What the control plane may ask of this cell as long work.
struct CellWorkRequests: Sendable {
  let work: CellWork
  /// Nil where no archive is configured.
  let archive: ArchiveService?
  let restoration: TenantRestoration?
  /// Nil where no disk was lost.
  var recovery: CellRecovery?
  let departures: Departures
  let directives: Directives
  let survey: CellSurvey
  let suspended: SuspendedWork
  let loads: LoadSample
  let cell: CellID
  let spreadTurns = CellTurns()
  let logger: Logger

  func ask(_ message: Aimstors_ProtoCellWork) throws(Failure) -> Aimstors_ProtoCellWorkStatus {
    if message.kind == "move" || message.kind == "move_plan" { return try move(message) }
    if message.kind == "load" {
      return try work.ask(message.operation) { [loads] _ in try Self.json(try await loads.take()) }
    }
    if message.kind == "survey" {
      let after = message.at
      return try work.ask(message.operation) { _ in
        try Self.json(try await survey.page(after: after))
      }
    }
    if message.kind == "suspended" {
      let restore = message.at
      return try work.ask(message.operation, as: .count) { [suspended] _ in
        try Self.json(await suspended.count(restore))
      }
    }
    guard let archive, let restoration else {
      throw Failure(.invalidState, "this cell has no archive")
    }
    switch message.kind {
    case "restore":
      let request = try Self.restore(message)
      return try work.ask(message.operation) { progress in
        try Self.json(try await restoration.run(request, progress))
      }
    case "cell_restore":
      let name = message.at
      return try work.ask(message.operation) { progress in
        var result = try await recovered(name, progress)
        let report = await suspended.count(name)
        (result.suspended, result.suspendedCount) = (report.suspended, report.suspendedCount)
        return try Self.json(try CellRecovery.judge(result))
      }
    case "release" where message.tenant.isEmpty:
      let restore = message.at
      return try work.ask(message.operation) { _ in
        try Self.json(["released": try await restoration.releaseAll(restore)])
      }
    case "release":
      let tenant = try Self.tenant(message.tenant)
      let restore = message.at
      return try work.ask(message.operation) { _ in
        try Self.json(["released": try await restoration.release(tenant, restore)])
      }
    case "snapshot":
      let tenant = try Self.tenant(message.tenant)
      return try work.ask(message.operation) { _ in
        guard let manifest = try await archive.snapshot(tenant) else {
          throw Failure(.tenantStopped, "the tenant is stopped, busy or gone")
        }
        return try Self.json(SnapshotResult(manifest))
      }
    case "drill":
      return try work.ask(message.operation) { _ in
        try Self.json(DrillReport(await archive.drillNow()))
      }
    default:
      let losses = LostCellWork(
        own: cell, service: archive, restoration: restoration, turns: spreadTurns, logger: logger)
      guard let body = try losses.body(message) else {
        throw Failure(.unknownRoute, "a cell does not do \(message.kind)")
      }
      return try work.ask(message.operation, body)
    }
  }

  private func recovered(
    _ name: String, _ progress: CellWork.Progress
  ) async throws -> CellRecovery.Result {
    if let recovery, recovery.name == name { return try await recovery.finished(progress) }
    // It ended before this process started.
    guard let bytes = try await directives.fact(CellRecovery.fact(name)) else {
      throw Failure(.invalidState, "this cell is not being restored as \(name)")
    }
    return try EdgeJSON.decode(CellRecovery.Result.self, from: bytes)
  }

  private func move(
    _ message: Aimstors_ProtoCellWork
  ) throws(Failure) -> Aimstors_ProtoCellWorkStatus {
    let order = try MoveOrder(message)
    if message.kind == "move_plan" {
      return try work.ask(message.operation) { [departures] _ in
        try await departures.plan(order)
      }
    }
    departures.heard(order)
    if message.move.cancel { departures.cancel(message.operation) }
    return try work.ask(message.operation) { [departures] progress in
      try await departures.move(order, progress)
    }
  }

  private static func restore(
    _ message: Aimstors_ProtoCellWork
  ) throws(Failure) -> TenantRestoration.Request {
    let point = SourcedPoint(message.at)
    guard let target = RestoreTarget(point.at) else {
      throw Failure(
        .invalidField, "at: latest, a tenant_seq, one with a number of commands, or a time")
    }
    guard message.mode == "fork" || message.mode == "swap",
      (message.mode == "fork") == message.hasFork
    else { throw Failure(.invalidField, "mode: fork or swap") }
    return TenantRestoration.Request(
      operation: message.operation, tenant: try tenant(message.tenant), target: target,
      accept: message.accept, isFromFollower: point.source == .follower,
      fork: message.hasFork ? message.fork : nil)
  }

  private static func tenant(_ text: String) throws(Failure) -> TenantID {
    guard let tenant = TenantID(text), tenant != .cellStore else {
      throw Failure(.invalidIdentifier, "not a tenant id")
    }
    return tenant
  }

  private static func json(_ value: some Encodable) throws -> String {
    String(decoding: try EdgeJSON.encode(value), as: UTF8.self)
  }
}

/// A snapshot on demand.
private struct SnapshotResult: Encodable {
  let snapshot: String
  let tenantSeq: UInt64
  let bytes: UInt64

  enum CodingKeys: String, CodingKey {
    case snapshot, bytes
    case tenantSeq = "tenant_seq"
  }

  init(_ manifest: SnapshotManifest) {
    snapshot = manifest.name
    tenantSeq = manifest.tenantSeq.rawValue
    bytes = manifest.bytes
  }
}
