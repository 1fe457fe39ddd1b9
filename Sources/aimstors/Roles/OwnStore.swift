import Archive
import Edge
import Storage
import Synchronization

/// What the control plane's node hears of its own store and the archive of it.
final class OwnStore: Sendable {
  private let engine: StorageEngine
  private let gap: StoreGap
  private let archive = Mutex<ArchiveService?>(nil)

  init(_ engine: StorageEngine, gap: StoreGap) {
    self.engine = engine
    self.gap = gap
  }

  /// The archive's work begins once the control plane answers; nil: nothing is archived.
  func watch(_ service: ArchiveService?) { archive.withLock { $0 = service } }

  /// Restores the store from the archive for proof; nil before the archive's work has begun.
  func drill() async -> String? {
    guard let service = archive.withLock({ $0 }) else { return nil }
    let report = DrillReport(await service.drillNow())
    return (try? EdgeJSON.encode(report)).map { String(decoding: $0, as: UTF8.self) }
  }

  /// What is wrong with either, and what a restore lacked.
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
    return stored + archived + [gap.problem].compactMap(\.self)
  }
}
