import Wire

/// A number as sending sees it.
///
/// Never logged.
struct SenderNumber: Hashable, Sendable {
  let phoneNumberID: String
  let accessToken: String
  let ratePerSecond: Int
}

/// One request to Graph whose intent is durable.
struct SendJob: Hashable, Sendable {
  let id: RowID
  let number: SenderNumber
  let body: [UInt8]
  let traceID: String
}

/// What became of a job, to be written.
struct SendResult: Hashable, Sendable {
  let id: RowID
  let phoneNumberID: String
  let outcome: SendOutcome
}

/// A message, or a campaign's recipient, that could be sent now.
struct SendCandidate: Hashable, Sendable {
  let id: RowID
  let phoneNumberID: String
  let contact: String
  /// The campaign whose recipient is still to be claimed; nil for a message that exists.
  let unclaimedOf: RowID?
}

/// What to do with a candidate.
struct SendClaim: Hashable, Sendable {
  let candidate: SendCandidate
  /// Not before this moment; nil: now.
  let deferredTo: Timestamp?
}

/// What one turn of the outbox did.
struct OutboxTurn: Hashable, Sendable {
  /// What may be sent once the turn is durable.
  var jobs: [SendJob] = []
  /// Claims that changed something: sent, deferred, suppressed or failed.
  var progressed = 0
}

/// What a look at a tenant's work found.
struct OutboxLook: Hashable, Sendable {
  var candidates: [SendCandidate] = []
  /// When the next waiting message is due.
  var nextDue: Timestamp?
  /// Whether old intents, expired sends or scheduled campaigns want attention.
  var needsHousekeeping = false
  /// Whether an operator's stop leaves out all, or one number: its lifting is to wake the tenant.
  var isStopped = false
}
