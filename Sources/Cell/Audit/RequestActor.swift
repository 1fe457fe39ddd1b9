import Trust
import Wire

/// Who is behind the command that runs, for the audit log: set around every handler that writes,
/// by the routes themselves, so that no route can forget it.
struct RequestActor: Sendable {
  @TaskLocal static var current: RequestActor?

  let actor: AuditEvent.Actor
  let address: String
  let traceID: String
  let rule: RouteRule
  /// The path, without query.
  let target: String

  var isImpersonation: Bool { actor.impersonatedBy != nil }

  /// An event of this request.
  func event(
    _ action: String, subject: String, outcome: AuditEvent.Outcome = .success,
    _ detail: KeyValuePairs<String, String> = [:]
  ) -> AuditEvent {
    AuditEvent(
      action: action, actor: actor, subject: subject, outcome: outcome,
      detail: detail.map { .init($0.key, $0.value) }, address: address, traceID: traceID)
  }

  /// The same of a request whose person became known while it ran.
  func acting(as actor: AuditEvent.Actor) -> RequestActor {
    RequestActor(
      actor: actor, address: address, traceID: traceID, rule: rule, target: target)
  }
}

extension Principal {
  /// Who it is in the audit log.
  var actor: AuditEvent.Actor {
    switch kind {
    case .apiKey: .init(.apiKey, id)
    case .operator: .init(.platformOperator, id)
    case .user:
      .init(.user, id, session: session?.text(.session), impersonatedBy: impersonatedBy)
    }
  }
}
