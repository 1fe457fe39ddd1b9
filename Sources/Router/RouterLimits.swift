/// Everything of the router that is bounded.
public struct RouterLimits: Sendable {
  // One request.
  /// The path, and each header with its name.
  public var headerFieldBytes = 16 * 1024
  public var headerBytes = 32 * 1024
  public var headerCount = 100
  /// How many times the three above the HTTP decoder itself takes before it closes the connection
  /// without saying why.
  public var decoderSlack = 2
  /// From the first byte of the body to the last.
  public var bodyTime: Duration = .seconds(30)
  /// From the body's end to the answer, retries and parking included.
  public var requestTime: Duration = .seconds(30)
  /// The same of a request to the control plane, which waits for a full scan of a tenant's files.
  public var controlPlaneTime: Duration = .seconds(130)
  /// How long a client has for what of an answer does not fit in the sockets: a slice of it.
  public var answerTime: Duration = .seconds(60)
  /// How long it has for a whole large answer, beside what that takes at ``answerRate``: who takes
  /// each slice in its time and no sooner would keep the answers' room for many minutes.
  public var answerGrace: Duration = .seconds(60)
  /// The least bytes a second.
  public var answerRate = 64 * 1024
  /// A connection on which nothing happens is closed after this.
  public var idleTime: Duration = .seconds(60)
  public var connections = 4096

  // Per address: how many requests a second, and how many at once.
  public var addressRate = 500
  public var addressBurst = 1000
  /// Addresses remembered in one generation of the table; two generations are held.
  public var addressTable = 65_536

  // In flight.
  public var perTenant = 256
  /// Of these, how many are with the cell at a time, at least and at most; so many webhook parts of
  /// a tenant besides.
  public var tenantTurns = 2...16
  /// What all who have asked a cell lately share; it is far less than the calls that the cell takes
  /// from this router.
  public var cellWindow = 32
  /// A request that is with the cell for longer does not count in its tenant's share any more.
  public var briefTurn: Duration = .milliseconds(250)
  /// No more than the calls that the link to one cell takes, in flight and waiting: webhook parts
  /// beside them may find it `saturated`.
  public var perCell = 1_280
  public var perControlPlane = 256

  // Held in memory of bodies over 16 KiB. What a router has of them else would be as much as its
  // connections times 3 or 4 MiB.
  /// Of requests, until their answer.
  public var bodyBytes = 128 * 1024 * 1024
  /// Of these one tenant's, or the control plane's.
  public var bodyBytesPerTenant = 64 * 1024 * 1024
  /// Of answers, until the client has taken them: no request takes an answer's room.
  public var answerBytes = 64 * 1024 * 1024
  public var answerBytesPerTenant = 32 * 1024 * 1024
  /// Of webhooks.
  public var webhookBytes = 64 * 1024 * 1024
  /// Of these, apart from the rest, of strangers: addresses of which no valid signature of the app
  /// is known.
  public var strangerBytes = 16 * 1024 * 1024
  /// Of one of them: it fits the largest webhook, with which an address may begin.
  public var strangerBytesPerAddress = 4 * 1024 * 1024
  /// Of the rest one app's: an app may be a tenant's own, who knows its secret.
  public var webhookBytesPerApp = 24 * 1024 * 1024
  /// How long an address that signed is no stranger, at least.
  public var senderTime: Duration = .seconds(24 * 3600)
  /// Addresses remembered of an app in one generation of that table; two generations are held.
  public var sendersPerApp = 1024
  /// Of requests and webhooks from one address: whose they are is only claimed, in clear.
  public var bodyBytesPerAddress = 32 * 1024 * 1024

  // Parked while a tenant's owner changes or a cell restarts.
  public var parkTime: Duration = .seconds(10)
  public var parkedBytes = 64 * 1024 * 1024
  public var parkedRequests = 4096
  public var parkedPerTenant = 512
  public var firstBackoff: Duration = .milliseconds(5)
  public var longestBackoff: Duration = .milliseconds(200)

  // Webhooks.
  /// How long an owner has to make a part durable before the part goes to a spool.
  public var ownerTime: Duration = .seconds(4)
  /// Between two tries at a tenant whose owner says that it is elsewhere.
  public var movedPause: Duration = .milliseconds(25)
  /// How long one cell has to take a part into its spool.
  public var spoolTime: Duration = .seconds(3)
  /// Cells asked for one part before the answer is 503.
  public var spoolAttempts = 8
  public var deliveriesPerBody = 64
  /// Signed webhook bodies in work at a time, each up to 3 MiB.
  public var webhooksInFlight = 256

  // The map.
  public var recheck: Duration = .seconds(10)
  public var mapRequestTime: Duration = .seconds(5)
  /// At most this often a key that the map does not know makes the router ask for a newer one.
  public var lookupRefresh: Duration = .milliseconds(200)
  public var pullRounds = 64
  /// How soon a change of the map is in its file; and how long a write rests, in times of what it
  /// took, so that a large map is not written all the time.
  public var fileInterval: Duration = .milliseconds(200)
  public var fileRest = 20
  /// A map not confirmed for this long is a problem, not a reason to stop.
  public var staleAfter: Duration = .seconds(60)

  public init() {}

  /// How long a client may take for an answer of so many bytes.
  func answerTime(whole bytes: Int) -> Duration {
    answerGrace + .milliseconds(Int64(bytes) * 1_000 / Int64(answerRate))
  }
}
