/// Every bound of the control plane, in one place.
public enum ControlPlaneLimits {
  /// Tenants that one cell takes unless its configuration says otherwise.
  public static let tenantsPerCell = 10_000
  /// A cell with less free disk than this takes no new tenant.
  public static let minimumDiskFreeBytes: UInt64 = 256 << 20
  /// Operations per second at which a cell counts as fully loaded when tenants are placed.
  public static let operationsPerSecondAtFullLoad = 5_000.0

  /// A cell that has sent no heartbeat for this long is unreachable.
  public static let heartbeatTimeoutMilliseconds: Int64 = 3_000

  /// Routers compare their map every 10 s; one that has not for this long is reported.
  public static let routerSilenceMilliseconds: Int64 = 30_000
  /// One that has been silent for this long is forgotten: it was removed.
  public static let routerGoneMilliseconds: Int64 = 86_400_000

  /// How long a restore, or an operator's word, lets a tenant's audit log go on from an earlier
  /// point.
  public static let branchMilliseconds: Int64 = 86_400_000

  /// How often promotions that run are taken one step on.
  public static let promotionInterval: Duration = .milliseconds(100)

  /// How often what named followers have reached is kept for the next process.
  public static let reachedInterval: Duration = .seconds(5)

  /// How often it is looked whether alerts wait to be sent.
  public static let alertInterval: Duration = .seconds(1)
  /// Longest e-mail address of an alert channel.
  public static let emailLength = 254

  /// How often it is looked whether the key file has a newer key than secrets are sealed with.
  public static let resealInterval: Duration = .seconds(5)

  /// How often problems of cells are compared with what is remembered of them.
  public static let lookInterval: Duration = .seconds(1)
  /// Send-stops in force that the status shows.
  public static let stopsInStatus = 100

  /// A map chunk, as it travels, stays below this size.
  public static let mapChunkBytes = 256 << 10
  /// One answer to a map pull stays below this size, so that it fits in a message.
  public static let mapPageBytes = 3 << 20

  /// How long an admin request waits for a cell to make a directive durable before it answers
  /// without that cell.
  public static let directiveWait: Duration = .milliseconds(900)
  /// One attempt to hand a directive to a cell.
  public static let directiveAttempt: Duration = .milliseconds(800)
  /// How long the creation of a tenant waits for its cell.
  public static let provisionWait: Duration = .seconds(5)
  /// The first pause between two attempts to provision; it doubles.
  public static let provisionPause: Duration = .milliseconds(20)
  /// How often directives that no cell has acknowledged are sent again.
  public static let directiveRetry: Duration = .milliseconds(250)
  /// Directives handed to one cell in one round.
  public static let directiveBatch = 256
  /// Directives on their way to one cell at a time.
  public static let directivesInFlight = 8
  /// A directive that its own request is still sending is left alone for this long.
  public static let directiveGraceMilliseconds: Int64 = 1_000
  /// A directive older than this is reported as a problem.
  public static let directiveLateMilliseconds: Int64 = 5_000

  /// A request forwarded to the cell that owns a tenant.
  public static let forwardTimeout: Duration = .seconds(10)
  /// A full scan of a tenant's files.
  public static let recomputeTimeout: Duration = .seconds(120)

  /// How often cells are asked how far their long work has come, and how much of it is asked about.
  public static let workInterval: Duration = .milliseconds(250)
  public static let workAsked = 64
  /// How often a restored control plane asks the cells that it has not heard.
  public static let surveyInterval: Duration = .milliseconds(500)
  /// How long a restored control plane gives routers no map, at most: what they have is newer.
  public static let mapHold: Duration = .seconds(10)
  /// One question about long work.
  public static let workTimeout: Duration = .seconds(5)
  /// Questions about a release before its request is answered without it.
  public static let releaseQuestions = 100
  public static let releasePause: Duration = .milliseconds(50)
  /// How long a request waits for cells that count what waits for a release.
  public static let countDeadline: Duration = .seconds(5)
  /// How long an operation waits for a cell that does not answer, or is busy, before it ends
  /// without that cell's count.
  public static let countPatienceNanoseconds: UInt64 = 30_000_000_000
  /// The same of cells that are at it.
  public static let countLongestNanoseconds: UInt64 = 600_000_000_000

  /// How long a moving tenant may be unavailable before the move is given up, where nobody says.
  public static let moveCapMilliseconds: Int64 = 1_000
  public static let longestMoveCapMilliseconds: Int64 = 10_000
  /// How long a spread waits for moves to the lost cell to end, once its own tenants are back.
  public static let moveEndMilliseconds: Int64 = 60_000
  /// How often the progress of a move is stored.
  public static let progressMilliseconds: Int64 = 500
  /// The first pause between two questions about a move; it doubles.
  public static let followPause: Duration = .milliseconds(10)

  /// How often drains and rebalances go on.
  public static let rebalanceInterval: Duration = .milliseconds(250)
  /// Moves that one drain or rebalance has under way: in all, and out of one cell.
  public static let rebalanceMovesUnderWay = 32
  public static let rebalanceMovesPerCell = 4
  /// Attempts at one tenant's move; the first pause between two of them, which doubles.
  public static let rebalanceAttempts = 6
  public static let rebalancePauseMilliseconds: Int64 = 250
  /// Moves for balance, where nobody says.
  public static let rebalanceMoves = 1_000
  public static let rebalanceMovesMaximum = 100_000
  /// Microseconds of each second that a fully loaded cell's journal spends in fsync.
  public static let syncMicrosecondsAtFullLoad = 500_000.0

  /// How often upgrades go on.
  public static let upgradeInterval: Duration = .milliseconds(250)
  /// How long a wave is watched where nobody says, and at most.
  public static let upgradeSoakSeconds: Int64 = 60
  public static let upgradeSoakSecondsMaximum: Int64 = 86_400
  /// How long a process may take to run the version that it was told.
  public static let upgradeStartMilliseconds: Int64 = 180_000
  /// Failed requests, and hundredths of a percent of them, below which nothing is a rise.
  public static let upgradeFailures: UInt64 = 5
  public static let upgradeFailureRate: UInt64 = 100
  /// One order to a process: it may ask the program what it is.
  public static let programTimeout: Duration = .seconds(25)
  /// One question to a process that starts again.
  public static let programQuestion: Duration = .seconds(2)

  /// How often the spools are looked at.
  public static let drainInterval: Duration = .seconds(1)
  /// The same of retired cells: most of them answer no more.
  public static let retiredDrainInterval: Duration = .seconds(10)
  /// Spool entries asked for at once, and how often in one round and cell.
  public static let drainBatch: UInt32 = 64
  public static let drainPages = 4
  /// What stays in a spool is tried again after this many milliseconds; the pause doubles.
  public static let spoolPauseMinimum: Int64 = 1_000
  public static let spoolPauseMaximum: Int64 = 30_000
  /// The longest pause where an owner is there and did not take a part.
  public static let spoolPauseOfFailed: Int64 = 4_000
  /// Spool entries of one cell that one list request collects.
  public static let quarantinePerCell: UInt32 = 200
  /// Bytes of a body that the quarantine shows: all of what Meta sends, and of a larger one so much
  /// that its entry fits in an answer.
  public static let shownBodyBytes = 3_000_000
  public static let spoolTimeout: Duration = .seconds(2)

  public static let joinTokenLifetimeSeconds: Int64 = 3_600
  /// Expired tokens removed along with making a new one.
  public static let expiredTokensPerCommand = 100
  public static let joinTokenLifetimeMaximumSeconds: Int64 = 7 * 86_400
  /// How far the clock of a deployment proof may be off.
  public static let proofSkewSeconds: Int64 = 60

  public static let listDefault = 100
  public static let listMaximum = 1_000
  public static let bodyBytes = 1 << 20
  /// Entries in one page of an exported audit log.
  public static let auditPage = 2_000
  public static let nameLength = 200
  public static let slugLength = 63
  public static let reasonLength = 500
  public static let secretLength = 512
  /// Keys that one claim request may name.
  public static let claimsPerRequest = 16
  public static let claimKeyLength = 253
  /// Tenants of a joining cell's inventory taken over in one command.
  public static let inventoryPage = 500
  /// Problems of one heartbeat that are kept.
  public static let problemsPerCell = 64
}
