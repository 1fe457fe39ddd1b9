/// One HTTP request to Graph.
public struct GraphRequest: Hashable, Sendable {
  public let method: String
  public let url: String
  public let headers: [(name: String, value: String)]
  public let body: [UInt8]
  public let timeoutMilliseconds: Int64
  public let answerLimit: Int

  public static func == (a: Self, b: Self) -> Bool {
    a.method == b.method && a.url == b.url && a.body == b.body
      && a.headers.map(\.name) == b.headers.map(\.name)
      && a.headers.map(\.value) == b.headers.map(\.value)
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(method)
    hasher.combine(url)
    hasher.combine(body)
  }
}

/// What came back, whatever its status.
public struct GraphResponse: Hashable, Sendable {
  public let status: Int
  public let contentType: String
  public let body: [UInt8]

  public init(status: Int, contentType: String = "application/json", body: [UInt8]) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }
}

/// No answer came.
///
/// Which of the two it is decides whether a send may be repeated.
public enum GraphTransportError: Error, Hashable, Sendable {
  /// Not a byte of the request's body left this process: it may be repeated.
  case notWritten(String)
  /// The request may have been read and acted upon.
  case maybeWritten(String)
}

/// How requests get to Graph: over HTTP, or to a script in tests.
public protocol GraphTransport: Sendable {
  func perform(_ request: GraphRequest) async throws(GraphTransportError) -> GraphResponse
}
