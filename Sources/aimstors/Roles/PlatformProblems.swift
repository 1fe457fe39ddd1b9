import Archive
import Edge
import Storage
import Synchronization

/// What is wrong with the control plane's own store and its archive.
final class PlatformProblems: Sendable {
  private let engine: StorageEngine
  private let archive = Mutex<ArchiveService?>(nil)

  init(_ engine: StorageEngine) { self.engine = engine }

  /// The archive's work begins once the control plane answers; nil: nothing is archived.
  func watch(_ service: ArchiveService?) { archive.withLock { $0 = service } }

  var all: [HealthReport.Problem] {
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
