/// What carries the calls of one peer: NNG's contexts, or the in-memory network.
///
/// Every ``start(_:in:)`` is followed by exactly one ``CallLink/finished(_:_:)`` of that slot,
/// unless the wire was stopped.
protocol CallWire: AnyObject, Sendable {
  /// Tells the wire whom to report to; called once, before anything else.
  func attach(_ link: CallLink)
  /// Begins to connect, or tries at once where it waits between tries. Reports by
  /// ``CallLink/connected()``.
  func dial()
  /// Sends `frame`; the outcome comes to the link.
  func start(_ frame: Frame, in slot: Int)
  /// Ends what runs in `slot` soon; the outcome still comes to the link.
  func abort(_ slot: Int)
  /// Ends everything; no outcome is reported after it returns. May block its thread.
  func stop()
  /// Gives connections back, after every wire and listener of the messenger was stopped.
  func release()
}

/// How the transport of one call ended.
enum CallOutcome: Sendable {
  case reply(Frame)
  /// The bytes that came back are no frame.
  case unreadable
  /// The connection ended, or the call was aborted; `sent` where it may have arrived.
  case lost(sent: Bool)
}
