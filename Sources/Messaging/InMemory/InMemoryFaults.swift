/// What goes wrong between in-memory messengers.
///
/// All off unless set.
public struct InMemoryFaults: Sendable {
  /// Share of requests that vanish on the way: their calls run into the deadline.
  public var dropRequests = 0.0
  /// Share of answers that vanish on the way back, after the handler has run.
  public var dropReplies = 0.0
  /// Share of requests that arrive twice; the second answer is dropped.
  public var duplicateRequests = 0.0
  /// Share of publications that a subscriber does not get.
  public var dropPublications = 0.0
  /// Added before a request arrives.
  public var delay: Duration = .zero

  public init() {}
}
