import Archive
import Edge
import Platform
import Storage
import Wire

/// What a swap puts in place of a resting tenant: its past files, or these merged with what is
/// fact since.
struct SwapMerge: Sendable {
  let restoration: TenantRestoration
  let tenant: TenantID
  let lineage: Lineage
  /// The tenant's last record.
  let head: TenantHead

  /// Leaves the files prepared, durable and checked; throws ``RefusedRestore`` with the list where
  /// something is abandoned that was not accepted.
  func run(
    _ past: RestoredBeside, accept: Bool, _ progress: CellWork.Progress
  ) async throws -> (RestoredTenant, AbandonedRecords) {
    let service = restoration.service
    let at = past.restored.position
    if at.tenantSeq == head.tenantSeq, at.hash == head.hash {
      progress.step("archive")
      return (try await service.adopt(past, as: tenant, lineage), AbandonedRecords())
    }
    progress.step("merge")
    let current = try await service.current(of: tenant, head, lineage)
    let found = AbandonedCounter()
    try await service.edit(current, past: past) { kind, connection in
      let rows = SwapMergeStore(connection: connection)
      switch kind {
      case .sessions: try found.change { try rows.countKeys(&$0) }
      case .ledger: try found.change { try rows.countMoney(&$0) }
      case .messages:
        try found.change { try rows.countMessages(&$0) }
        try rows.bringBackContacts()
        try rows.bringBackTemplates()
        try rows.pauseNewCampaigns()
      default: break
      }
    }
    var abandoned = found.value
    abandoned.records =
      head.tenantSeq.rawValue - min(head.tenantSeq.rawValue, at.tenantSeq.rawValue)
    guard accept else {
      await service.discard(current)
      throw RefusedRestore(
        failure: Failure(
          .restoreNotAccepted,
          "\(abandoned.records) records have been written since; read what they are and accept"),
        result: String(decoding: try EdgeJSON.encode(["abandoned": abandoned]), as: UTF8.self))
    }
    progress.step("archive")
    return (try await service.settle(current, as: tenant, lineage, past.restored), abandoned)
  }
}
