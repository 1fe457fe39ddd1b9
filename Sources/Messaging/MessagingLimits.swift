/// Every bound of the messaging layer: sizes in bytes, waits as durations.
public enum MessagingLimits {
  /// Largest frame that a listener or dialer takes (NNG_OPT_RECVMAXSZ); 4 MiB.
  public static let frameBytes = 4 << 20
  /// Largest payload of a request, reply or publication: a frame less room for its header.
  public static let payloadBytes = frameBytes - 256

  /// Calls in flight to one peer.
  ///
  /// NNG's contexts are pooled, one per call; more than 256 per socket only lengthen its internal
  /// lists.
  public static let callsInFlight = 256
  /// Calls that wait for a slot or for the first connection of one peer; one more is `saturated`.
  public static let callsWaiting = 1_024

  /// Requests that one listener has in its handler at once.
  public static let handlersInFlight = 448
  /// Bytes of the large requests that one listener has in its handler at once, so that what a
  /// process holds of bodies does not follow from how many ask; one more is `overloaded`.
  public static let handlerBytes = 128 << 20
  /// Requests up to this size take none of ``handlerBytes``: their number bounds them, and no flood
  /// of large ones keeps them out.
  ///
  /// What is a small body to a router is small here with all its headers.
  public static let smallRequestBytes = 64 << 10
  /// Receive contexts of one listener.
  ///
  /// What exceeds ``handlersInFlight`` is answered `overloaded` at once, so that a full process
  /// says so instead of letting its callers time out. The contexts beyond are never held by a
  /// handler: they answer pings and hellos, whatever the handlers do.
  public static let receiveContexts = 512

  /// How long a call waits for a connection before it fails as unreachable.
  public static let connectWait: Duration = .milliseconds(900)
  /// A peer that has been away longer than this fails calls at once; they only prompt a new dial.
  public static let failFastAfter: Duration = .milliseconds(900)
  /// Shortest time between two dials prompted by calls: long enough for a slow handshake to end.
  public static let dialInterval: Duration = .seconds(2)
  /// A peer that stays away is dialed anew this often at last: NNG's own try may hang for two
  /// minutes in the kernel, or ten seconds in a handshake that nobody answers.
  public static let longestDialInterval: Duration = .seconds(5)
  /// NNG's own reconnecting, in milliseconds.
  public static let reconnectMinimumMilliseconds: Int32 = 100
  public static let reconnectMaximumMilliseconds: Int32 = 5_000

  /// Connected peers are looked at this often.
  public static let heartbeatInterval: Duration = .milliseconds(125)
  /// After so many looks at which nothing had come a peer is asked by a ping: four a second at
  /// most, none while answers come.
  public static let quietLooks = 2
  /// After so many more, with neither an answer to the ping nor anything else: the peer is gone.
  ///
  /// From its vanishing to the report: at most one look, these and ``quietLooks``: 875 ms.
  public static let silentLooks = 4
  /// A look that comes so long after the last one says that this process stood still, not its peer.
  public static let heartbeatPause: Duration = .milliseconds(250)
  /// A ping ends by itself after this time; whoever waits for it has given up long before.
  public static let pingBackstopMilliseconds: Int32 = 10_000

  /// How often a TLS listener is called by its own process, to see whether it accepts anybody; how
  /// long such a call waits for its answer; and after how many without one it listens anew.
  public static let selfCallInterval: Duration = .seconds(5)
  public static let selfCallMilliseconds: Int32 = 2_000
  public static let deafCalls = 2

  /// How long a messenger's close may take; then NNG is locked up.
  public static let closeSeconds = 10

  /// How long the two round trips of a hello may take.
  public static let helloWait: Duration = .seconds(2)
  /// Hellos begun and not yet proved, per listener; the oldest goes.
  public static let pendingHellos = 512
  /// Sessions per listener; the oldest goes, its owner says hello again.
  public static let sessions = 4_096
  /// Longest identifier in a hello, in bytes.
  public static let identityBytes = 128

  /// Deadlines are looked at this often while calls are under way.
  public static let sweepInterval: Duration = .milliseconds(10)
  /// Longest time a request may ask for.
  public static let longestTimeout: Duration = .seconds(3_600)
  /// What a caller should wait after `overloaded`.
  public static let overloadedRetryMilliseconds: Int64 = 100

  /// Publications that a subscriber holds before the oldest goes.
  public static let subscriptionQueue = 1_024
  /// Peers asked at once by one survey.
  public static let surveyConcurrency = 64

  /// How often the certificate files are looked at for a renewal.
  public static let certificateCheck: Duration = .seconds(60)
}
