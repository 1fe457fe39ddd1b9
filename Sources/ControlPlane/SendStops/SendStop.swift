import Wire

/// What a send-stop covers.
enum SendStopScope: String, Hashable, Sendable, CaseIterable {
  case number, tenant, cell, region, platform
}

/// Nothing is sent in its scope while it stands; receipts, refunds and webhooks go on.
struct SendStop: Hashable, Sendable {
  /// The one identifier of the scope `platform`.
  static let platformID = "all"

  let scope: SendStopScope
  let id: String
  let reason: String
  let since: Timestamp
  /// Rises at every change of this stop.
  let version: UInt64
  /// Lifted stops stay, so that a cell that was away learns of it.
  let isLifted: Bool
}

/// Puts and lifts stops.
enum SendStopRule {
  enum Decision: Hashable { case unchanged(SendStop), write(SendStop) }

  /// Puts a stop; a standing one keeps its `since`.
  static func put(
    _ scope: SendStopScope, _ id: String, reason: String, at now: Timestamp, current: SendStop?,
    version: UInt64
  ) -> Decision {
    if let current, !current.isLifted, current.reason == reason { return .unchanged(current) }
    let since = current.flatMap { $0.isLifted ? nil : $0.since } ?? now
    return .write(
      SendStop(
        scope: scope, id: id, reason: reason, since: since, version: version, isLifted: false))
  }

  /// Whether tenants may leave a cell whose own stop this is: in another cell it would not hold,
  /// and what a promotion's stop keeps back would be sent unseen, perhaps twice.
  static func demandMovable(from stop: SendStop?) throws(Failure) {
    guard let stop, !stop.isLifted else { return }
    throw Failure(
      .invalidState,
      "sends of \(stop.id) are stopped (\(stop.reason)), and would go on elsewhere: look at them "
        + "and lift the stop first")
  }

  static func lift(current: SendStop?, version: UInt64) throws(Failure) -> Decision {
    guard let current else { throw Failure(.notFound, "no such send-stop") }
    if current.isLifted { return .unchanged(current) }
    return .write(
      SendStop(
        scope: current.scope, id: current.id, reason: current.reason, since: current.since,
        version: version, isLifted: true))
  }
}
