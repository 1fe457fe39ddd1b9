/// Every wait and size of a move.
enum MoveLimits {
  /// From the fence to the release's append, where the order names none.
  static let capMilliseconds: Int64 = 1_000
  /// The longest cap that an order may name.
  static let longestCapMilliseconds: Int64 = 10_000
  /// Content of one message of file parts.
  static let partBytes = 512 << 10
  /// Bytes a second that a copy takes of the disk and of the network.
  static let copyBytesPerSecond: UInt64 = 48 << 20
  /// How long a copy rests after a piece of its work, in times of what that took.
  static let restPerWork: UInt64 = 1
  static let longestRestNanoseconds: UInt64 = 500_000_000
  /// Records in one message, in bytes; a larger record goes alone.
  static let recordBytes = 1 << 20
  /// The same where each message is followed by a rest, at least; not more than that is left in the
  /// end.
  static let catchUpBytes = 16 << 10
  /// The part of what waits that goes in such a message where that is more: a long way behind takes
  /// few of them.
  static let catchUpPart = 8
  /// What may be left for the fence's own message: it is applied while the tenant is fenced.
  static let fenceBytes = 64 << 10
  /// Rounds of catching up before a tenant counts as too busy to move.
  static let catchUpRounds = 2_000
  /// How old the acknowledgement of the source's follower may be before sends stop and before the
  /// fence: a release that waits for it cannot be taken back.
  static let acknowledgementAge = Duration.milliseconds(200)
  /// How long one that is older is waited for, while the tenant is served.
  static let acknowledgementPatience = Duration.seconds(10)
  static let acknowledgementPause = Duration.milliseconds(200)
  /// How long external calls may be under way before they are left to the new owner as intents.
  static let quiesce = Duration.seconds(5)
  static let quiesceLook = Duration.milliseconds(5)
  /// How long a target that does not answer is waited for, before anything was copied.
  static let beginPatience = Duration.seconds(15)
  static let beginPause = Duration.milliseconds(200)
  /// One message of a copy.
  static let copyTimeout = Duration.seconds(30)
  /// One wait for an import's end; whoever waits asks again.
  static let importTimeout = Duration.seconds(600)
  /// What an import gets through at least: it scans all files more than once, and the archive
  /// stores them.
  static let importBytesPerSecond: UInt64 = 8 << 20
  /// How often followers whose own check is done hear that the cell's is not.
  static let importBeat = Duration.seconds(30)
  /// The adoption, each attempt; repeated until it is seen.
  static let releaseTimeout = Duration.seconds(2)
  static let firstRetry = Duration.milliseconds(5)
  static let longestRetry = Duration.seconds(1)
  /// How far the clocks of source and target may be apart.
  static let skewMilliseconds: Int64 = 1_000
  /// Files of a tenant that left are kept so long.
  static let departedMilliseconds: Int64 = 24 * 3_600_000
  static let reapInterval = Duration.seconds(60)
  /// How often a target asks what became of a move that it heard nothing of.
  static let standingInterval = Duration.seconds(1)
  /// A copy of which nothing came for so long is given up by its target.
  static let silence = Duration.seconds(60)
  /// The same where it is ready: its source is asked much sooner.
  static let readySilence = Duration.seconds(2)
  /// How long a follower may take to have copied files in their place, behind its journal.
  static let placePatience = Duration.seconds(30)
  static let placeLook = Duration.milliseconds(20)
  /// Moves at a time into one cell; out of one as many as there is long work
  /// (``CellLimits/workInFlight``).
  static let incoming = 8
  /// Late outcomes of one tenant that wait for its new owner.
  static let lateOutcomes = 1_000
  static let lateAttempts = 60

  /// How long an import of so many bytes is waited for in all.
  static func importTime(of bytes: UInt64) -> Duration {
    importTimeout + .seconds(Int64(clamping: bytes / importBytesPerSecond))
  }
}
