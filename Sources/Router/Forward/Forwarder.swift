import Edge
import Hummingbird
import Logging
import Messaging
import Wire

/// Takes requests to the process that answers them, and answers back.
struct Forwarder: Sendable {
  /// One client request on its way.
  struct Call: Sendable {
    let envelope: RequestEnvelope
    /// Whether it changes nothing.
    let isRead: Bool
    /// What it holds of memory while parked.
    let bytes: Int
    /// What its body holds of the room for large ones.
    let room: HeldBody
    let traceID: String
    let deadline: ContinuousClock.Instant
  }

  private enum Attempt {
    case response(Response)
    case failed(RetryPolicy.Outcome)
  }

  let keeper: MapKeeper
  let messenger: any Messenger
  let configuration: RouterConfiguration
  let traffic: Traffic
  let turns: TenantTurns
  let metrics: RouterMetrics
  /// Waits; a value so that tests need not.
  let pause: @Sendable (Duration) async throws -> Void

  // MARK: To cells

  /// Answers what the tenant's owner answers, however often the tenant moves in between.
  func forward(_ call: Call, to tenant: TenantID) async throws(Failure) -> Response {
    guard traffic.enter(tenant) else {
      metrics.shed(.tenantFull)
      throw Failure(
        .rateLimited, "too many requests at a time for this account", retryAfterMilliseconds: 1_000)
    }
    defer { traffic.leave(tenant) }
    var policy = RetryPolicy(isRead: call.isRead, limits: configuration.limits)
    var isParked = false
    defer { if isParked { traffic.unpark(tenant, bytes: call.bytes) } }
    while true {
      let outcome: RetryPolicy.Outcome
      var owner: RetryPolicy.Owner?
      if let route = keeper.route(of: tenant) {
        let known = RetryPolicy.Owner(cell: route.cell.id, generation: route.cell.generation)
        if let refusal = policy.refusal(of: known) { throw refusal }
        guard let turn = await turns.enter(tenant, at: route.cell.id, by: call.deadline) else {
          metrics.shed(.tenantFull)
          throw policy.told(Self.noTurn)
        }
        defer { turns.leave(turn) }
        // The tenant may have moved while the request waited in its line.
        guard keeper.route(of: tenant)?.placement == route.placement else { continue }
        switch await attempt(call, tenant, route) {
        case .response(let response):
          if let doubt = policy.doubt(over: response.status.code) { throw doubt }
          return response
        case .failed(let failed): outcome = failed
        }
        owner = known
      } else {
        outcome = .unplaced
      }
      switch policy.decide(after: outcome, at: owner, now: .now) {
      case .again: continue
      case .answer(let failure): throw failure
      case .park(let time):
        if !isParked {
          guard traffic.park(tenant, bytes: call.bytes) else {
            metrics.shed(.parkingFull)
            throw policy.told(RetryPolicy.unavailable)
          }
          isParked = true
        }
        try await wait(time, after: outcome, call, policy)
      }
    }
  }

  private func attempt(
    _ call: Call, _ tenant: TenantID, _ route: MapKeeper.Route
  ) async -> Attempt {
    guard traffic.enter(route.cell.id) else {
      metrics.shed(.cellFull)
      return .failed(.saturated)
    }
    defer { traffic.leave(route.cell.id) }
    let payload = call.envelope.encoded(
      tenant: tenant, epoch: route.placement.epoch, generation: route.cell.generation)
    let started = ContinuousClock.now
    do {
      let bytes = try await messenger.peer(at: Address(route.cell.address)).request(
        .http, payload, timeout: call.deadline - started, traceID: call.traceID)
      metrics.forwarded(in: .now - started)
      switch ResponseEnvelope.decode(bytes) {
      case .response(let response): return .response(response)
      case .moved(let cell, let epoch):
        let isNews = cell.map { keeper.learn(tenant, at: $0, epoch: epoch) } ?? false
        // Another request may have learned it meanwhile.
        let isElsewhere = keeper.route(of: tenant)?.placement != route.placement
        return .failed(.moved(isNews: isNews || isElsewhere))
      case nil: return .failed(.unusable)
      }
    } catch {
      return .failed(Self.outcome(of: error))
    }
  }

  /// Parks for `time`, and asks for a newer map where this one seems to be behind.
  private func wait(
    _ time: Duration, after outcome: RetryPolicy.Outcome, _ call: Call, _ policy: RetryPolicy
  ) async throws(Failure) {
    switch outcome {
    case .moved, .unplaced, .refused: _ = await keeper.refreshForLookup()
    default: break
    }
    do {
      try await pause(time)
    } catch {
      throw policy.told(Failure(.shuttingDown, "the router is stopping; try again"))
    }
    guard call.deadline > .now else { throw policy.told(RetryPolicy.unavailable) }
  }

  private static let noTurn = Failure(
    .rateLimited, "the requests of this account that came before take too long",
    retryAfterMilliseconds: 1_000)

  private static func outcome(of error: MessagingError) -> RetryPolicy.Outcome {
    switch error {
    case .refused(let failure): .refused(failure)
    case .unreachable(_, let sent): .unreachable(sent: sent)
    case .deadlineExceeded: .timedOut
    case .tooLarge: .tooLarge
    case .saturated: .saturated
    case .helloRefused: .unreachable(sent: false)
    case .closed: .refused(Failure(.shuttingDown, "the router is stopping; try again"))
    }
  }

  // MARK: To the control plane

  /// Answers what the control plane answers; one attempt, since it may take its time.
  func forwardToControlPlane(_ call: Call) async throws(Failure) -> Response {
    guard traffic.enterControlPlane() else {
      metrics.shed(.controlPlaneFull)
      throw Failure(
        .overloaded, "too many requests at a time; try again", retryAfterMilliseconds: 1_000)
    }
    defer { traffic.leaveControlPlane() }
    let payload = call.envelope.encoded(tenant: nil, epoch: Epoch(0), generation: Generation(0))
    let bytes: [UInt8]
    do {
      bytes = try await messenger.peer(at: configuration.controlPlane).request(
        .http, payload, timeout: call.deadline - .now, traceID: call.traceID)
    } catch .refused(let failure) {
      throw failure
    } catch .tooLarge {
      throw Failure(.bodyTooLarge, "the request is too large")
    } catch .unreachable(_, sent: true) where !call.isRead {
      throw RetryPolicy.unknownOutcome
    } catch .deadlineExceeded where !call.isRead {
      throw RetryPolicy.unknownOutcome
    } catch {
      throw Failure(
        .controlPlaneUnavailable, "the control plane does not answer; try again",
        retryAfterMilliseconds: 2_000)
    }
    guard case .response(let response) = ResponseEnvelope.decode(bytes) else {
      throw Failure(.internalError, "the control plane's answer is not readable")
    }
    return response
  }
}
