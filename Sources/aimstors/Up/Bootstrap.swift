import ControlPlane
import GraphSimulator
import Platform

/// What a new deployment needs before it is of use: the first operator, join tokens, the Meta app.
struct Bootstrap {
  /// How long the admin host may take to answer after its processes are ready.
  static let answerSeconds = 30

  let url: String
  let adminHost: String
  let caller = HTTPCaller()

  /// Creates the first operator with the proof of the deployment's key.
  ///
  /// Returns the token.
  func firstOperator(
    key: [UInt8], clock: any WallClock, random: any RandomSource
  ) async throws(CommandFailure) -> String {
    let proof = DeploymentProof.make(
      key: key, seconds: clock.milliseconds() / 1000, nonce: LocalSecrets.hex(random.bytes(8)))
    let answer = try await send(
      "POST", "/v1/operators/first", nil, [(DeploymentProof.header, proof)])
    guard let token = answer["token"]?.string else {
      throw CommandFailure(.refused, code: "no_token", detail: "the answer has no token")
    }
    return token
  }

  /// A cell's process with a token to join by.
  ///
  /// One that has joined keeps its credential; a token more does no harm and is never used.
  func joining(
    _ process: ProcessPlan, region: String, admin: String
  ) async throws(CommandFailure) -> ProcessPlan {
    let token = try await joinToken(cell: process.id, region: region, admin: admin)
    var process = process
    process.configuration = process.configuration.with("join_token", JSON(token))
    return process
  }

  private func joinToken(
    cell: String, region: String, admin: String
  ) async throws(CommandFailure) -> String {
    let answer = try await send(
      "POST", "/v1/cells/join-tokens", ["cell": JSON(cell), "region": JSON(region)],
      [("authorization", "Bearer \(admin)")])
    guard let token = answer["token"]?.string else {
      throw CommandFailure(.refused, code: "no_token", detail: "the answer has no token")
    }
    return token
  }

  /// What the admin host shows.
  func document(_ path: String, admin: String) async throws(CommandFailure) -> JSON {
    try await send("GET", path, nil, [("authorization", "Bearer \(admin)")])
  }

  func setMetaApp(_ secrets: LocalSecrets, admin: String) async throws(CommandFailure) {
    _ = try await send(
      "PUT", "/v1/meta-apps/\(LocalSecrets.appName)",
      ["app_secret": JSON(secrets.appSecret), "verify_token": JSON(secrets.verifyToken)],
      [("authorization", "Bearer \(admin)")])
  }

  /// Waits until the control plane has heard from every one of `cells`, for a bounded time; answers
  /// from whom it has.
  ///
  /// Before that it places no tenant there. One that does not join keeps the others from nothing;
  /// throws `not_joined` where nobody does.
  func waitUntilJoined(
    _ cells: Set<String>, admin: String
  ) async throws(CommandFailure) -> Set<String> {
    let deadline = ContinuousClock.now + .seconds(Self.answerSeconds)
    while true {
      let answer = try await document("/v1/cells", admin: admin)
      // Also one that is drained: it has tenants to serve until they have moved.
      let alive = (answer["data"]?.array ?? []).filter { $0["alive"]?.bool == true }
      let joined = cells.intersection(alive.compactMap { $0["id"]?.string })
      if joined == cells { return joined }
      guard ContinuousClock.now < deadline else {
        let missing = cells.subtracting(joined).sorted().joined(separator: ", ")
        let late = "did not join within \(Self.answerSeconds) s: \(missing)"
        guard !joined.isEmpty else {
          throw CommandFailure(.timedOut, code: "not_joined", detail: late)
        }
        Console.error(late)
        return joined
      }
      try? await Task.sleep(for: .milliseconds(100))
    }
  }

  /// One request to the admin host, again while it is not reachable, for a bounded time.
  private func send(
    _ method: String, _ path: String, _ body: JSON?, _ headers: [(String, String)]
  ) async throws(CommandFailure) -> JSON {
    let deadline = ContinuousClock.now + .seconds(Self.answerSeconds)
    while true {
      let answer: HTTPAnswer?
      do {
        answer = try await caller.call(
          method, url + path, host: adminHost, headers: headers, body: body?.bytes())
      } catch {
        guard ContinuousClock.now < deadline else { throw error }
        answer = nil
      }
      if let answer, (200..<300).contains(answer.status) { return answer.json }
      if let answer, answer.status < 500 || ContinuousClock.now >= deadline {
        throw CommandFailure(
          .refused, code: answer.json["code"]?.string ?? "http_\(answer.status)",
          detail: "\(method) \(path): \(answer.json["detail"]?.string ?? "HTTP \(answer.status)")",
          document: answer.json)
      }
      try? await Task.sleep(for: .milliseconds(200))
    }
  }
}
