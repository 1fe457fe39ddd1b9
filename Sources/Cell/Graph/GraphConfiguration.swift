/// Where Graph is and how long we wait for it.
///
/// Every limit of the client is here.
public struct GraphConfiguration: Hashable, Sendable {
  /// Without a slash at the end, such as `https://graph.facebook.com`.
  public var baseURL: String
  public var version: String
  /// How long a connection may take to be made; a failure before this is certainly not sent.
  public var connectTimeoutMilliseconds: Int64
  /// From the start of a call to its whole answer.
  public var callTimeoutMilliseconds: Int64
  /// The same for media bytes.
  public var mediaTimeoutMilliseconds: Int64
  /// Connections to Graph at once, per process.
  public var connections: Int
  /// An idle connection is closed by us before the server would close it under a request.
  public var idleTimeoutMilliseconds: Int64
  /// The largest answer read, media excepted.
  public var answerBytes: Int
  /// The largest media body read or sent: Meta's own limit for documents.
  public var mediaBytes: Int

  public init(
    baseURL: String = "https://graph.facebook.com", version: String = "v25.0",
    connectTimeoutMilliseconds: Int64 = 5_000, callTimeoutMilliseconds: Int64 = 30_000,
    mediaTimeoutMilliseconds: Int64 = 120_000, connections: Int = 128,
    idleTimeoutMilliseconds: Int64 = 20_000, answerBytes: Int = 4 << 20,
    mediaBytes: Int = 100 << 20
  ) {
    self.baseURL = baseURL
    self.version = version
    self.connectTimeoutMilliseconds = connectTimeoutMilliseconds
    self.callTimeoutMilliseconds = callTimeoutMilliseconds
    self.mediaTimeoutMilliseconds = mediaTimeoutMilliseconds
    self.connections = connections
    self.idleTimeoutMilliseconds = idleTimeoutMilliseconds
    self.answerBytes = answerBytes
    self.mediaBytes = mediaBytes
  }

  /// The address of a path below the version, such as `106540352242922/messages`.
  func url(_ path: String) -> String { "\(baseURL)/\(version)/\(path)" }
}
