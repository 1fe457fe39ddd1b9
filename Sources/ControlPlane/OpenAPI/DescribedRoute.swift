import Edge
import Wire

/// One route as the OpenAPI document describes it.
struct DescribedRoute: Hashable, Sendable {
  enum Body: Hashable, Sendable {
    case none
    /// JSON by the named schema.
    case json(String)
    /// JSON by the named schema, or nothing.
    case optionalJSON(String)
  }
  enum Answer: Hashable, Sendable {
    case json(Int, String)
    /// `{data, next_cursor}` of the named schema.
    case list(String)
    case empty(Int)
    case text(Int)
    /// JSON, one object a line.
    case lines(Int)
  }
  enum Authentication: String, Hashable, Sendable {
    case operatorToken, apiKey, sessionToken, deploymentProof, signature, open
  }

  let host: HostKind
  let method: String
  /// With `{name}` for parameters.
  let path: String
  let summary: String
  let tag: String
  let authentication: Authentication
  let body: Body
  let answer: Answer
  /// Names of query parameters beside those of lists.
  let query: [String]
  /// Refusals worth naming; those that any route may give are described once.
  let refusals: [FailureCode]
  /// Whether it is a DELETE whose answer is kept under its key; the others find, repeated, what
  /// they left.
  let keepsAnswer: Bool
  /// Whether a follower answers it where `read=follower` is asked.
  private(set) var isReadAtFollowers = false

  init(
    _ host: HostKind, _ method: String, _ path: String, _ summary: String, tag: String,
    authentication: Authentication? = nil, body: Body = .none, answer: Answer,
    query: [String] = [], refusals: [FailureCode] = [], keepsAnswer: Bool = false
  ) {
    self.host = host
    self.method = method
    self.path = path
    self.summary = summary
    self.tag = tag
    self.authentication = authentication ?? (host == .admin ? .operatorToken : .apiKey)
    self.body = body
    self.answer = answer
    self.query = query
    self.refusals = refusals
    self.keepsAnswer = keepsAnswer
  }

  /// The same of a cell's route: what only reads is answered by its followers, too.
  ///
  /// An export of the log writes an entry of its own.
  var readAtFollowers: Self {
    var route = self
    route.isReadAtFollowers = method == "GET" && !isExport
    return route
  }

  private var isExport: Bool { if case .lines = answer { true } else { false } }

  /// The parameters in the path, in order.
  var pathParameters: [String] {
    path.split(separator: "/").compactMap { part in
      part.hasPrefix("{") && part.hasSuffix("}") ? String(part.dropFirst().dropLast()) : nil
    }
  }
}
