import Storage
import Wire

/// How long a tenant would be out of service in its move, as far as it can be known before.
///
/// Ready, release and adoption are one fsync each, and two answers travel. What the target's disk
/// takes is taken to be what this one takes; acknowledgements of followers are not in it.
struct PredictedPause: Hashable, Sendable {
  let microseconds: Int64

  private static let synchronizations = 3.0
  private static let answers = 2.0
  /// The quickest of so many counts: one that something else kept waiting says little.
  private static let questions = 3

  /// `synchronization`: the mean time of an fsync of the journal; `trip`: a question to the target
  /// and its answer; both in microseconds.
  init(synchronization: Double, trip: Double) {
    microseconds = Int64(Self.synchronizations * synchronization + Self.answers * trip)
  }

  /// Asks the target, and reads what the journal measured `since` then; nil: since its opening.
  ///
  /// Throws where the target does not answer.
  static func measure(
    _ order: MoveOrder, _ environment: MoveEnvironment, since: JournalMetrics? = nil
  ) async throws(Failure) -> PredictedPause {
    var question = Aimstors_ProtoMoveQuestion()
    question.tenant = order.tenant.rawValue
    let target = environment.peer(at: order.address)
    var trip = Double.infinity
    for _ in 0..<questions {
      let began = ContinuousClock.now
      _ = try await target.ask(.moveStanding, question, timeout: MoveLimits.releaseTimeout)
      trip = min(trip, (ContinuousClock.now - began) / .microseconds(1))
    }
    let now = environment.engine.metrics.journal
    let before = since.flatMap { $0.synchronizations < now.synchronizations ? $0 : nil }
    let count = now.synchronizations - (before?.synchronizations ?? 0)
    let nanoseconds = now.synchronizeNanoseconds - (before?.synchronizeNanoseconds ?? 0)
    let mean = Double(nanoseconds) / Double(max(count, 1)) / 1_000
    return PredictedPause(synchronization: mean, trip: trip)
  }

  /// Throws `overloaded` where it is longer than the cap of the order allows.
  func demand(under order: MoveOrder) throws(Failure) {
    guard microseconds > order.capMilliseconds * 1_000 else { return }
    throw Failure(
      .overloaded,
      "the pause is predicted at \(microseconds / 1_000) ms, above the cap of "
        + "\(order.capMilliseconds) ms")
  }
}
