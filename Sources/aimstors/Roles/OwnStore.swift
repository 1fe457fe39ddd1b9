import Archive
import Edge
import Storage
import Synchronization

/// What the control plane's node hears of its own store and the archive of it.
final class OwnStore: Sendable {
  private let engine: StorageEngine
  private let archive = Mutex<ArchiveService?>(nil)

  init(_ engine: StorageEngine) { self.engine = engine }

  /// The archive's work begins once the control plane answers; nil: nothing is archived.
  func watch(_ service: ArchiveService?) { archive.withLock { $0 = service } }

  /// Restores the store from the archive for proof; a report without tenants before that works.
  func drill() async -> String {
    let report = DrillReport(await archive.withLock { $0 }?.drillNow() ?? [])
    return (try? EdgeJSON.encode(report)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }

  /// What is wrong with either.
  var problems: [HealthReport.Problem] {
    let service = archive.withLock { $0 }
    let stored = engine.problems.map {
      HealthReport.Problem(
        code: $0.code, since: $0.since, runbook: $0.runbook, detail: $0.detail)
    }
    let archived = (service?.problems ?? []).map {
      HealthReport.Problem(
        code: $0.code, since: $0.since, runbook: $0.runbook, detail: $0.detail)
    }
    return stored + archived
  }
}
