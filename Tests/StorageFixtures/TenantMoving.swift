import Storage
import Wire

/// One tenant's move between two engines, in two steps.
public struct TenantMoving: Sendable {
  public let tenant: TenantID
  public let from: CellID
  public let to: CellID
  public let epoch: Epoch

  public init(tenant: TenantID, from: CellID, to: CellID, epoch: Epoch) {
    self.tenant = tenant
    self.from = from
    self.to = to
    self.epoch = epoch
  }

  /// Armed, and its files copied.
  public func begin(_ source: StorageEngine, _ target: StorageEngine) async throws {
    try await source.beginMove(tenant, to: to, under: epoch)
    try target.prepareImport(tenant, under: epoch)
    let head = try await source.snapshot(
      tenant, into: target.importDirectory(tenant, under: epoch)
    ).head
    try await target.beginImport(
      MoveImport(
        tenant: tenant, lineage: head.lineage, epoch: epoch, source: from,
        tenantSeq: head.tenantSeq, hash: head.hash, time: head.time,
        schemaVersion: head.schemaVersion, nextDue: head.nextDue))
  }

  /// What is left streamed, released and adopted.
  public func finish(_ source: StorageEngine, _ target: StorageEngine) async throws {
    let release = try await self.release(source, target)
    _ = try await target.adoptMoved(tenant, release)
  }

  /// What is left streamed, and released: the target has not heard of it.
  @discardableResult public func release(
    _ source: StorageEngine, _ target: StorageEngine
  ) async throws -> MoveRelease {
    let fence = try await source.fence(tenant, within: 60_000_000_000)
    guard let at = target.heads[tenant] else {
      throw Failure(.notFound, "nothing of \(tenant) is at the target")
    }
    _ = try await target.appendImported(
      tenant, under: epoch, try source.takeMoved(tenant, after: at.tenantSeq, bytes: 1 << 20))
    try await target.readyForMove(tenant, under: epoch, fence)
    return try await source.releaseMove(tenant, to: to, under: epoch, ready: fence.hash) { true }
  }
}

extension TestSchema {
  /// Payments with these numbers, a command each.
  public static func pay(
    _ ids: ClosedRange<Int64>, tenant: TenantID, _ engine: StorageEngine
  ) async throws {
    for id in ids {
      try await engine.write(tenant, CommandOrigin(requestID: "r\(id)", traceID: "")) {
        try TestSchema.pay($0, id)
      }
    }
  }
}
