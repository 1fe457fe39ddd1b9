import Logging
import Storage
import Wire

/// Outcomes of sends whose intents moved with their tenant: told to the new owner, and taken here.
///
/// Telling one twice does nothing; losing one leaves the message ambiguous, and its status resolves
/// it.
struct LateOutcomes: Sendable {
  let environment: MoveEnvironment
  let sealer: Sealer
  let gate: any SendGate

  /// Tells the tenant's new owner, for about a minute.
  func send(_ tenant: TenantID, _ results: [SendResult]) async {
    guard let head = environment.engine.heads[tenant], !head.ownership.isServed,
      let peer = await environment.remembered(tenant)
    else { return }
    for result in results {
      let message = Self.message(tenant, head.armed, result)
      var wait = MoveLimits.firstRetry
      for attempt in 1...MoveLimits.lateAttempts {
        do throws(Failure) {
          _ = try await peer.ask(.lateOutcome, message, timeout: MoveLimits.releaseTimeout)
          break
        } catch {
          if attempt == MoveLimits.lateAttempts || error.code == .moved {
            environment.log.error(
              "an outcome did not reach the tenant's new cell",
              metadata: [
                "tenant": "\(tenant)", "message_id": "\(message.message)", "failure": "\(error)",
              ])
            break
          }
          try? await Task.sleep(for: wait)
          wait = min(wait * 2, MoveLimits.longestRetry)
        }
      }
    }
  }

  /// Takes one from the tenant's old owner.
  func take(_ message: Aimstors_ProtoLateOutcome) async throws(Failure) {
    guard let tenant = TenantID(message.tenant), tenant != .cellStore,
      let result = Self.result(message)
    else { throw Failure(.invalidField, "not an outcome of a send") }
    guard let head = environment.engine.heads[tenant] else {
      throw Failure(.moved, "the tenant is not here")
    }
    guard head.ownership.isServed else {
      // On its way: the release comes in a moment.
      throw head.armed == Epoch(message.epoch)
        ? Failure(.recovering, "the tenant is not here yet", retryAfterMilliseconds: 100)
        : Failure(.moved, "the tenant is not here any more")
    }
    let (sealer, gate) = (sealer, gate)
    try await environment.engine.write(
      tenant, CommandOrigin(requestID: "late-outcome", traceID: "")
    ) { transaction in
      try OutboxCommands(
        transaction, sealer: sealer, gate: gate, configuration: OutboxConfiguration()
      ).late(result)
    }
    environment.rates.paces.hear(result, of: tenant)
  }

  static func message(
    _ tenant: TenantID, _ epoch: Epoch, _ result: SendResult
  ) -> Aimstors_ProtoLateOutcome {
    var message = Aimstors_ProtoLateOutcome()
    message.tenant = tenant.rawValue
    message.epoch = epoch.rawValue
    message.message = result.id.text(.message)
    message.phoneNumberID = result.phoneNumberID
    switch result.outcome {
    case .accepted(let wamid, let waID, let status):
      message.outcome = "accepted"
      message.wamid = wamid
      message.waID = waID ?? ""
      message.messageStatus = status ?? ""
    case .refused(let error):
      message.outcome = "refused"
      message.error.code = Int64(error.code)
      message.error.subcode = Int64(error.subcode ?? 0)
      message.error.title = error.title
      message.error.details = error.details
      message.error.isTransient = error.isTransient
      message.error.httpStatus = Int64(error.httpStatus ?? 0)
    case .ambiguous(let reason):
      message.outcome = "ambiguous"
      message.reason = reason
    case .notSent(let reason):
      message.outcome = "not_sent"
      message.reason = reason
    }
    return message
  }

  /// Nil for an outcome that this version does not know.
  static func result(_ message: Aimstors_ProtoLateOutcome) -> SendResult? {
    guard let id = RowID(message.message, .message) else { return nil }
    let outcome: SendOutcome
    switch message.outcome {
    case "accepted":
      outcome = .accepted(
        wamid: message.wamid, waID: message.waID.isEmpty ? nil : message.waID,
        messageStatus: message.messageStatus.isEmpty ? nil : message.messageStatus)
    case "refused":
      let error = message.error
      outcome = .refused(
        GraphError(
          code: Int(clamping: error.code),
          subcode: error.subcode == 0 ? nil : Int(clamping: error.subcode),
          title: error.title, details: error.details, isTransient: error.isTransient,
          httpStatus: error.httpStatus == 0 ? nil : Int(clamping: error.httpStatus)))
    case "ambiguous": outcome = .ambiguous(reason: message.reason)
    case "not_sent": outcome = .notSent(reason: message.reason)
    default: return nil
    }
    return SendResult(id: id, phoneNumberID: message.phoneNumberID, outcome: outcome)
  }
}
