import GraphSimulator

/// The journey's way to the private system: the API as a tenant, as operator, and the simulator.
struct SmokeAPI {
  /// How long a request is repeated while a process restarts.
  static let patienceSeconds = 60

  let url: String
  let graphURL: String
  let hosts: JSON
  let adminToken: String
  let caller = HTTPCaller()

  init(_ local: JSON) {
    url = local.cell("url")
    graphURL = local.cell("graph_url")
    hosts = local["hosts"] ?? .null
    adminToken = local.cell("admin_token")
  }

  func admin(
    _ method: String, _ path: String, _ body: JSON? = nil, key: String? = nil
  ) async throws(CommandFailure) -> JSON {
    try await send(method, path, body, host: hosts.cell("admin"), secret: adminToken, key: key)
  }

  func tenant(
    _ apiKey: String, _ method: String, _ path: String, _ body: JSON? = nil, key: String? = nil
  ) async throws(CommandFailure) -> JSON {
    try await send(method, path, body, host: hosts.cell("api"), secret: apiKey, key: key)
  }

  /// All entries of a list.
  func list(
    _ path: String, _ request: (String) async throws(CommandFailure) -> JSON
  ) async throws(CommandFailure) -> [JSON] {
    var entries: [JSON] = []
    var cursor: String?
    repeat {
      let page = try await request(
        "\(path)\(path.contains("?") ? "&" : "?")limit=100" + (cursor.map { "&cursor=\($0)" } ?? "")
      )
      entries += page["data"]?.array ?? []
      cursor = page["next_cursor"]?.string
    } while cursor != nil
    return entries
  }

  func simulator(
    _ method: String, _ path: String, _ body: JSON? = nil
  ) async throws(CommandFailure) -> JSON {
    let answer = try await caller.call(method, graphURL + "/_sim/" + path, body: body?.bytes())
    guard (200..<300).contains(answer.status) else {
      throw CommandFailure(
        .refused, code: "simulator_refused",
        detail: "\(method) \(path): \(String(decoding: answer.body, as: UTF8.self))")
    }
    return answer.json
  }

  /// One request; what is answered with 5xx, or not at all, is repeated under the same key.
  private func send(
    _ method: String, _ path: String, _ body: JSON?, host: String, secret: String, key: String?
  ) async throws(CommandFailure) -> JSON {
    var headers = [("authorization", "Bearer \(secret)")]
    if let key { headers.append(("idempotency-key", key)) }
    let deadline = ContinuousClock.now + .seconds(Self.patienceSeconds)
    while true {
      let problem: CommandFailure
      switch await attempt(method, path, body, host, headers) {
      case .success(let answer) where (200..<300).contains(answer.status): return answer.json
      case .success(let answer):
        problem = CommandFailure(
          .refused, code: answer.json["code"]?.string ?? "http_\(answer.status)",
          detail: "\(method) \(path): \(answer.json["detail"]?.string ?? "HTTP \(answer.status)")")
        guard answer.status >= 500 || answer.status == 429 else { throw problem }
      case .failure(let failure): problem = failure
      }
      guard ContinuousClock.now < deadline else { throw problem }
      try? await Task.sleep(for: .milliseconds(100))
    }
  }

  private func attempt(
    _ method: String, _ path: String, _ body: JSON?, _ host: String, _ headers: [(String, String)]
  ) async -> Result<HTTPAnswer, CommandFailure> {
    do throws(CommandFailure) {
      return .success(
        try await caller.call(
          method, url + path, host: host, headers: headers, body: body?.bytes()))
    } catch {
      return .failure(error)
    }
  }
}
