import Edge
import Platform
import Synchronization
import Wire

/// What the router counts.
///
/// One lock and a few additions per request.
final class RouterMetrics: Sendable {
  /// Why a request was turned away before it reached anybody.
  enum Shed: String, CaseIterable, Sendable {
    case addressRate = "address_rate"
    case tenantFull = "tenant_full"
    case cellFull = "cell_full"
    case controlPlaneFull = "control_plane_full"
    case webhooksFull = "webhooks_full"
    case parkingFull = "parking_full"
    case bodiesFull = "bodies_full"
    case answerNotTaken = "answer_not_taken"
    case notReady = "not_ready"
  }

  /// What became of a webhook part.
  enum Webhook: Hashable, Sendable {
    case delivered
    case spooled(String)
    case notStored

    var label: String {
      switch self {
      case .delivered: "delivered"
      case .spooled(let reason): "spooled_" + reason
      case .notStored: "not_stored"
      }
    }
  }

  private struct State {
    var statuses: [Int: UInt64] = [:]
    var sheds: [Shed: UInt64] = [:]
    var webhooks: [Webhook: UInt64] = [:]
    var unstored = UnstoredWebhooks()
    var forward = Histogram()
    var whole = Histogram()
  }

  private let state = Mutex(State())

  func answered(_ status: Int, in time: Duration) {
    state.withLock {
      $0.statuses[status, default: 0] += 1
      $0.whole.record(time)
    }
  }

  /// One attempt at a cell, from the envelope's sending to its answer.
  func forwarded(in time: Duration) {
    state.withLock { $0.forward.record(time) }
  }

  func shed(_ reason: Shed) { state.withLock { $0.sheds[reason, default: 0] += 1 } }
  func webhook(_ outcome: Webhook) { state.withLock { $0.webhooks[outcome, default: 0] += 1 } }

  func notStored(at now: Timestamp) {
    state.withLock {
      $0.webhooks[.notStored, default: 0] += 1
      $0.unstored.note(at: now)
    }
  }

  /// What of this an operator should look at.
  func problems(now: Timestamp) -> [HealthReport.Problem] {
    state.withLock { $0.unstored.problem(now: now).map { [$0] } ?? [] }
  }

  func count(of reason: Shed) -> UInt64 { state.withLock { $0.sheds[reason] ?? 0 } }

  func families() -> [MetricFamily] {
    let state = state.withLock { $0 }
    func samples(_ name: String, _ counts: [(String, UInt64)]) -> [MetricFamily.Sample] {
      counts.sorted { $0.0 < $1.0 }.map {
        .init(labels: [(name: name, value: $0.0)], value: .integer(Int64($0.1)))
      }
    }
    return [
      MetricFamily(
        "aimstors_router_requests_total", "Requests answered, by status.", .counter,
        samples("status", state.statuses.map { ("\($0.key)", $0.value) })),
      MetricFamily(
        "aimstors_router_shed_total", "Requests turned away by the router, by reason.", .counter,
        samples("reason", Shed.allCases.map { ($0.rawValue, state.sheds[$0] ?? 0) })),
      MetricFamily(
        "aimstors_router_webhook_parts_total", "Webhook parts, by what became of them.", .counter,
        samples("outcome", state.webhooks.map { ($0.key.label, $0.value) })),
      .seconds(
        "aimstors_router_forward_seconds", "From an envelope's sending to its answer.",
        state.forward),
      .seconds(
        "aimstors_router_request_seconds", "From a request's head to its answer.", state.whole),
    ]
  }
}
