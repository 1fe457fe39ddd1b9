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
  /// Sends a ping beside the calls. Reports ``CallLink/pingSent()`` once a connection begins to
  /// write it, and always ``CallLink/pingEnded(isAnswered:)``.
  func ping()
  /// Ends the ping soon, if one is under way.
  func abortPing()
  /// How many messages, calls and pings, connections have begun to write.
  var sends: UInt64 { get }
  /// Ends the connection without waiting for the other side, and reports that by
  /// ``CallLink/disconnected()``; then connects anew.
  func hangUp()
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
