import Synchronization
import Trust

/// What is learned of one request while it runs: who asked, how much came, what was set aside.
///
/// Commands run on the tenant's writer; the store carries the observation there.
final class RequestObservation: Sendable {
  @TaskLocal static var current: RequestObservation?

  struct Facts: Sendable {
    var kind = AuditEvent.Actor.Kind.anonymous
    var principal = ""
    var requestBytes: Int64 = 0
    var spendMicros: Int64 = 0
  }
  private let state = Mutex(Facts())

  var facts: Facts { state.withLock { $0 } }

  func set(_ principal: Principal) {
    let actor = principal.actor
    state.withLock { facts in
      facts.kind = actor.kind
      facts.principal = actor.impersonatedBy ?? actor.id
    }
  }

  func received(bytes: Int) { state.withLock { $0.requestBytes = Int64(bytes) } }

  /// A command begins, perhaps once more: what it set aside before was undone.
  func beginCommand() { state.withLock { $0.spendMicros = 0 } }

  func setAside(micros: Int64) {
    state.withLock { facts in
      let (sum, isOver) = facts.spendMicros.addingReportingOverflow(micros)
      facts.spendMicros = isOver ? .max : sum
    }
  }
}
