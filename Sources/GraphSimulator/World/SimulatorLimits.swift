/// The bounds of the simulator's memory and work.
public enum SimulatorLimits {
  /// The longest body that a request may have, except for media.
  public static let maximumBodyBytes = 1 << 20
  /// The longest media file: a document's limit.
  public static let maximumMediaBytes = 100 << 20
  /// All media together; the oldest go first.
  public static let mediaBytesKept = 256 << 20
  /// Bytes of requests and answers that the log keeps; the oldest go first.
  public static let requestLogBytes = 192 << 20
  /// Bytes of webhooks that the log keeps; the oldest go first.
  public static let webhookLogBytes = 192 << 20
  /// Webhooks that wait to be delivered; beyond it sends are refused with 131016.
  public static let pendingWebhooks = 200_000
  /// Webhooks that are being delivered at one time.
  public static let webhooksInFlight = 16
  /// Statuses of one number that may share one webhook.
  public static let statusesPerWebhook = 1
  /// How long the receiver of a webhook may take.
  public static let webhookTimeoutSeconds: Int64 = 10
  /// Attempts at one webhook; with the waits below about seven days.
  public static let webhookAttempts = 350
  /// The wait before the first retry of a webhook; doubles up to ``webhookRetryMostMilliseconds``.
  public static let webhookRetryLeastMilliseconds: Int64 = 250
  public static let webhookRetryMostMilliseconds: Int64 = 1_800_000
  /// The longest answer of a receiver that is read.
  public static let webhookAnswerBytes = 64 << 10
  /// The longest delay that a fault may ask for.
  public static let maximumDelayMilliseconds: Int64 = 600_000
  /// (number, user) pairs remembered for the pair limit and the window; the oldest go first.
  public static let pairsRemembered = 200_000
  /// Templates of one WABA.
  public static let templatesPerWABA = 6_000
  /// Upload sessions of template samples.
  public static let uploadSessions = 1_000
  /// Seconds for which a media address is valid.
  public static let mediaAddressSeconds: Int64 = 300
  /// How long a send with a status before its reply waits for the receiver.
  public static let statusBeforeReplySeconds: Int64 = 2
}
