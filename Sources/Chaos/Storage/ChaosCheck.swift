import Storage
import Wire

/// Holds what an engine has after a fault against what its callers were told.
struct ChaosCheck {
  /// Adds what is wrong to `report`; answers the tenants that are stopped or in a reported range.
  ///
  /// Where `mayBeReported`, such a tenant is no loss: that is what a damaged journal promises.
  static func run(
    _ life: ChaosEngine, _ history: ChaosHistory, mayBeReported: Bool,
    _ report: inout ChaosReport
  ) async -> Set<TenantID> {
    var reported = Set(life.report.stopped)
    for tenant in ChaosHistory.tenants {
      let (begun, acked) = history.of(tenant)
      if life.engine.heads[tenant] == nil {
        if acked.isEmpty { continue }
        if life.report.damage.contains(where: { $0.stops(tenant, applied: .zero) }) {
          reported.insert(tenant)
        }
        if !reported.contains(tenant) || !mayBeReported { report.lost += acked.count }
        continue
      }
      if reported.contains(tenant) {
        if !mayBeReported { report.complain("\(tenant) is stopped") }
        continue
      }
      do {
        let contents = try await life.engine.read(tenant, [.ledger, .messages]) {
          try ChaosSchema.contents($0)
        }
        _ = try await life.engine.digest(tenant, recompute: true)
        compare(contents, tenant, begun: begun, acked: acked, &report)
      } catch {
        report.diverged += 1
        report.complain("\(tenant): \(error)")
      }
    }
    if !mayBeReported, !life.report.damage.isEmpty {
      report.complain("damage: \(life.report.damage.map(\.reason).joined(separator: "; "))")
    }
    return reported
  }

  private static func compare(
    _ contents: ChaosSchema.Contents, _ tenant: TenantID, begun: Set<Int64>, acked: Set<Int64>,
    _ report: inout ChaosReport
  ) {
    let present = Set(contents.entries)
    let lost = acked.subtracting(present)
    report.lost += lost.count
    report.duplicated += contents.entries.count - present.count
    let isWhole =
      contents.entries == contents.messages && contents.balance == contents.sum
      && present.isSubset(of: begun)
    if !isWhole {
      report.diverged += 1
      report.complain("\(tenant): entries, messages and balance contradict each other")
    }
  }
}
