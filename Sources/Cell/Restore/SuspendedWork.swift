import Edge
import Storage
import Wire

/// Whose sends wait here for a release, and how much that is.
struct SuspendedWork: Sendable {
  let engine: StorageEngine
  let directives: Directives

  /// What one restore suspended; empty: what a stop of all sends of this cell keeps back.
  ///
  /// Nobody without due work is opened. Who cannot be read is listed with the reason.
  func count(_ restore: String) async -> SuspendedReport {
    var found: [SuspendedTenant] = []
    for (tenant, head) in engine.servedHeads
    where head.nextDue != nil && isHeld(tenant, by: restore) {
      do throws(Failure) {
        found.append(try await engine.read(tenant, [.messages]) { try SuspendedTenant($0) })
      } catch {
        found.append(SuspendedTenant(tenant, code: error.code))
      }
    }
    return SuspendedReport(found)
  }

  private func isHeld(_ tenant: TenantID, by restore: String) -> Bool {
    guard tenant != .cellStore else { return false }
    switch directives.mark(of: tenant) {
    case .suspended(let waiting, _): return waiting == restore
    case .fork: return false
    case nil: return restore.isEmpty
    }
  }

  /// One problem for each restore whose tenants here wait, from memory.
  ///
  /// What a promotion keeps back is a stop of the control plane's, and told by it.
  func problems() -> [Storage.Problem] {
    let marks = directives.suspensions
    guard !marks.isEmpty else { return [] }
    let served = engine.servedHeads
    var found: [String: (since: Timestamp, tenants: Int)] = [:]
    for (tenant, restore, since) in marks where served[tenant] != nil {
      let known = found[restore] ?? (since, 0)
      found[restore] = (min(known.since, since), known.tenants + 1)
    }
    return found.sorted { $0.key < $1.key }.map { restore, standing in
      Storage.Problem(
        code: "sends_suspended", since: standing.since, runbook: Runbook.page("sends_suspended"),
        tenant: nil,
        detail: "\(standing.tenants) tenants send nothing before the release of \(restore)")
    }
  }
}
