import ArgumentParser
import GraphSimulator
import Platform

/// Where a verb sends its requests, and how it prints what came.
struct ConnectionOptions: ParsableArguments {
  @Flag(name: .long, help: "Print the API's object as the last line.")
  var json = false

  @Option(name: .long, help: "The admin host (AIMSTORS_ADMIN_URL, else the local system's).")
  var adminURL: String?

  @Option(name: .long, help: "The api host (AIMSTORS_API_URL, else the local system's).")
  var apiURL: String?

  @Option(name: .long, help: "An operator's token (AIMSTORS_ADMIN_TOKEN, else the local one).")
  var adminToken: String?

  @Option(
    name: .long, help: "A tenant's key (AIMSTORS_API_KEY, else the first demonstration tenant's).")
  var apiKey: String?

  @Option(name: .long, help: "Repeat a POST or DELETE safely under this key.")
  var idempotencyKey: String?

  func connection() throws(CommandFailure) -> APIConnection {
    try APIConnection(self, environment: .live, random: LiveRandomSource())
  }
}

/// One verb's way to the API.
struct APIConnection: Sendable {
  enum Host { case admin, api }

  let isJSON: Bool
  /// Whether the admin host is that of the system whose data lie here.
  let isLocal: Bool
  private let caller = HTTPCaller()
  private let adminURL: String?
  private let apiURL: String?
  private let adminHost: String?
  private let apiHost: String?
  private let adminToken: String?
  private let apiKey: String?
  private let idempotencyKey: String

  init(
    _ options: ConnectionOptions, environment: Environment, random: any RandomSource
  ) throws(CommandFailure) {
    isJSON = options.json
    let local = try LocalDescription.read(environment.dataDirectory)
    let localURL = local?["url"]?.string
    let givenAdmin = options.adminURL ?? environment["AIMSTORS_ADMIN_URL"]
    let givenAPI = options.apiURL ?? environment["AIMSTORS_API_URL"]
    adminURL = givenAdmin ?? localURL
    isLocal = localURL != nil && adminURL == localURL
    apiURL = givenAPI ?? localURL
    // A plain address needs the name of the host that it stands for.
    adminHost = Self.hostName(givenAdmin, local, "admin")
    apiHost = Self.hostName(givenAPI, local, "api")
    adminToken =
      options.adminToken ?? environment["AIMSTORS_ADMIN_TOKEN"] ?? local?["admin_token"]?.string
    apiKey =
      options.apiKey ?? environment["AIMSTORS_API_KEY"]
      ?? local?["demo"]?[0]?["api_key"]?.string
    idempotencyKey = options.idempotencyKey ?? LocalSecrets.hex(random.bytes(16))
  }

  /// Whether it is an address, which no router knows as the name of a host.
  private static func isNumber(_ url: String) -> Bool {
    let host = url.split(separator: "/", omittingEmptySubsequences: true).dropFirst().first ?? ""
    return host.hasPrefix("[") || host.allSatisfy { $0.isNumber || $0 == "." || $0 == ":" }
  }

  private static func hostName(_ given: String?, _ local: JSON?, _ kind: String) -> String? {
    let isPlain = given.map { isNumber($0) || $0.contains("://localhost") } ?? true
    return isPlain ? local?["hosts"]?[kind]?.string ?? "\(kind).localhost" : nil
  }

  /// One request.
  ///
  /// A refusal of the API is thrown as a failure with exit code 1.
  func send(
    _ host: Host, _ method: String, _ path: String, _ body: JSON? = nil,
    headers: [(String, String)] = [], idempotencyKey: String? = nil,
    seconds: Int64 = HTTPCaller.requestSeconds
  ) async throws(CommandFailure) -> JSON {
    guard let url = host == .admin ? adminURL : apiURL else {
      throw CommandFailure(
        .usage, code: "no_address",
        detail: "no system runs in AIMSTORS_DATA; set "
          + (host == .admin ? "AIMSTORS_ADMIN_URL" : "AIMSTORS_API_URL"))
    }
    var headers = headers
    if let secret = host == .admin ? adminToken : apiKey {
      headers.append(("authorization", "Bearer \(secret)"))
    }
    let takesKey = ["POST", "DELETE"].contains(method)
    if takesKey { headers.append(("idempotency-key", idempotencyKey ?? self.idempotencyKey)) }
    // A verb that makes its own key has it again when it is repeated.
    let repeatKey = takesKey && idempotencyKey == nil ? self.idempotencyKey : nil
    let answer: HTTPAnswer
    do {
      answer = try await caller.call(
        method, url + path, host: host == .admin ? adminHost : apiHost, headers: headers,
        body: body?.bytes(), seconds: seconds)
    } catch {
      throw error.repeatable(under: repeatKey)
    }
    guard (200..<300).contains(answer.status) else {
      throw refusal(answer).repeatable(under: repeatKey)
    }
    return answer.json
  }

  /// All entries of a list, page after page, at most `limit`.
  func list(
    _ host: Host, _ path: String, limit: Int
  ) async throws(CommandFailure) -> [JSON] {
    var entries: [JSON] = []
    var cursor: String?
    repeat {
      let separator = path.contains("?") ? "&" : "?"
      let page = try await send(
        host, "GET",
        "\(path)\(separator)limit=\(min(100, limit - entries.count))"
          + (cursor.map { "&cursor=\($0)" } ?? ""))
      entries += page["data"]?.array ?? []
      cursor = page["next_cursor"]?.string
    } while cursor != nil && entries.count < limit
    return entries
  }

  /// Prints one object: as JSON in the last line, or as `text` for people.
  func show(_ object: JSON, _ text: @autoclosure () -> String) {
    if isJSON { Console.out(object.serialized()) } else { Console.out(text()) }
  }

  private func refusal(_ answer: HTTPAnswer) -> CommandFailure {
    let document = answer.json
    return CommandFailure(
      .refused, code: document["code"]?.string ?? "http_\(answer.status)",
      detail: document["detail"]?.string ?? "the answer was HTTP \(answer.status)",
      document: document.members == nil ? nil : document, isAnswer: true)
  }
}
