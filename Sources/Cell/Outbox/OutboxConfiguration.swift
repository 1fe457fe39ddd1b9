/// The outbox's limits.
struct OutboxConfiguration: Hashable, Sendable {
  /// Requests to Graph at once, for one number and for the cell.
  var inFlightPerNumber = 16
  var inFlightPerCell = 512
  /// Intents in one command.
  ///
  /// Small: after a crash each of them is an ambiguous send.
  var claimBatch = 16
  /// Outcomes in one command.
  var recordBatch = 128
  /// Tenants that send at once; others wait for their turn.
  var activeTenants = 256
  /// Running campaigns of one tenant that are looked at together.
  var campaignsPerLook = 8
  /// A tenant without work for this long is let go; its due time wakes it again.
  var lingerMilliseconds: Int64 = 5_000
  /// A tenant that an operator's stop holds back as a whole is looked at once in this time.
  var stoppedLookSeconds: Int64 = 60
  /// Between attempts where the store refuses a command, doubling up to the longest.
  var storeRetryMilliseconds: Int64 = 100
  var longestStoreRetryMilliseconds: Int64 = 5_000
  /// Commands that failed in a row before the tenant is let go; intents become ambiguous.
  var storeAttempts = 20
  /// Before a request is repeated that was certainly not sent, doubling up to the longest.
  var notSentMilliseconds: Int64 = 1_000
  var longestNotSentMilliseconds: Int64 = 60_000
  /// Old intents, expired sends and holds put right in one command.
  var housekeepingBatch = 200
  /// Pairs of number and recipient whose pace is remembered.
  var pairs = 20_000

  /// The delay before a request is repeated that was not sent.
  func notSentDelay(attempts: Int) -> Int64 {
    min(longestNotSentMilliseconds, notSentMilliseconds << Int64(min(max(attempts, 1), 16) - 1))
  }
}
