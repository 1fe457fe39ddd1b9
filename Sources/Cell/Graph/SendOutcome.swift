/// What became of one request to send a message.
public enum SendOutcome: Hashable, Sendable {
  /// Graph took it. Not delivered yet: statuses tell. `waID` is the recipient as Graph knows it.
  case accepted(wamid: String, waID: String?, messageStatus: String?)
  /// Graph answered with an error: it was not sent, except where the error's rule says otherwise.
  case refused(GraphError)
  /// It may have been sent: never repeat it, keep its money held until a status tells.
  case ambiguous(reason: String)
  /// It certainly was not sent: it may be repeated.
  case notSent(reason: String)
}
