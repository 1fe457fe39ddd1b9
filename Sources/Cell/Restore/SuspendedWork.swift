import Edge
import Platform
import Storage
import Wire

/// Whose sends wait here for a release, and how much that is.
struct SuspendedWork: Sendable {
  let engine: StorageEngine
  let directives: Directives
  let clock: any WallClock

  /// What one restore suspended; empty: what a stop of all sends of this cell keeps back.
  ///
  /// Nobody without due work is opened. Who cannot be read is listed with the reason.
  func count(_ restore: String) async -> SuspendedReport {
    let due = Timestamp(milliseconds: clock.milliseconds())
      .adding(seconds: NoticeRule.settleSeconds)
    var found: [SuspendedTenant] = []
    for (tenant, head) in engine.servedHeads where tenant != .cellStore {
      let mark = directives.mark(of: tenant)
      guard Self.isAsked(mark, nextDue: head.nextDue, of: restore, by: due) else { continue }
      do throws(Failure) {
        found.append(try await engine.read(tenant, [.messages]) { try SuspendedTenant($0) })
      } catch {
        found.append(SuspendedTenant(tenant, code: error.code))
      }
    }
    return SuspendedReport(found)
  }

  /// Whether a tenant is opened for the count.
  ///
  /// A stop of all sends is of every tenant: most of them wait for a time that has not come, such
  /// as a hold's end, and keep nothing back.
  static func isAsked(
    _ mark: RestoreMark?, nextDue: Timestamp?, of restore: String, by due: Timestamp
  ) -> Bool {
    guard let nextDue else { return false }
    switch mark {
    case .suspended(let waiting, _): return waiting == restore
    case .fork: return false
    case nil: return restore.isEmpty && nextDue <= due
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
