import Logging

extension SendOutcome {
  /// What the log says of it.
  var logged: Logger.Metadata {
    switch self {
    case .accepted(let wamid, _, _): ["outcome": "accepted", "wamid": .string(wamid)]
    case .refused(let error):
      [
        "outcome": "refused", "code": .stringConvertible(error.code),
        "reason": .string(error.title),
      ]
    case .ambiguous(let reason): ["outcome": "ambiguous", "reason": .string(reason)]
    case .notSent(let reason): ["outcome": "not_sent", "reason": .string(reason)]
    }
  }

  /// Somebody should look at what may have been sent and holds money.
  var logLevel: Logger.Level {
    if case .ambiguous = self { .warning } else { .info }
  }
}
