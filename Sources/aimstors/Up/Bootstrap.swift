import ControlPlane
import GraphSimulator
import Platform

/// What a new deployment needs before it is of use: the first operator, join tokens, the Meta app.
actor Bootstrap {
  /// How long the admin host may take to answer after its processes are ready.
  static let answerSeconds = 30

  /// A failure where nobody can be asked; it is told to whoever asks.
  let access: Result<AdminAccess, CommandFailure>
  private let adminHost: String
  private let directory: String
  private var secrets: LocalSecrets
  private let clock = LiveWallClock()
  private let random = LiveRandomSource()
  private let caller = HTTPCaller()

  init(
    access: Result<AdminAccess, CommandFailure>, adminHost: String, secrets: LocalSecrets,
    directory: String
  ) {
    self.access = access
    self.adminHost = adminHost
    self.secrets = secrets
    self.directory = directory
  }

  nonisolated var url: String? { (try? access.get())?.url }

  /// The token that `local.json` shows: this machine's own operator's, else the one that was given.
  var shownToken: String? { secrets.adminToken ?? (try? access.get())?.token }

  /// The operator's token.
  ///
  /// Creates the first operator where nobody is named, with the proof of the deployment's key, and
  /// keeps the token for the next run.
  func token() async throws(BootstrapFailure) -> String {
    if let token = try reach().token ?? secrets.adminToken { return token }
    let proof = DeploymentProof.make(
      key: secrets.deploymentKey, seconds: clock.milliseconds() / 1000,
      nonce: LocalSecrets.hex(random.bytes(8)))
    let answer = try await send(
      "POST", "/v1/operators/first", nil, [(DeploymentProof.header, proof)])
    let token = try Self.token(in: answer)
    secrets.adminToken = token
    do throws(CommandFailure) { try secrets.save(directory) } catch {
      throw BootstrapFailure(error, mayPass: false)
    }
    return token
  }

  /// A cell's process with a token to join by.
  ///
  /// One that has joined keeps its credential; a token more does no harm and is never used.
  func joining(_ process: ProcessPlan) async throws(BootstrapFailure) -> ProcessPlan {
    let answer = try await send(
      "POST", "/v1/cells/join-tokens",
      ["cell": JSON(process.id), "region": process.configuration["region"] ?? .null],
      [try await authorization()])
    var process = process
    process.configuration = process.configuration.with(
      "join_token", JSON(try Self.token(in: answer)))
    return process
  }

  /// What the admin host shows.
  func document(
    _ path: String, isPatient: Bool = true
  ) async throws(BootstrapFailure) -> JSON {
    try await send("GET", path, nil, [try await authorization()], isPatient: isPatient)
  }

  /// Whether the control plane does not answer.
  ///
  /// One that refuses is there.
  func isAway() async -> Bool {
    do throws(BootstrapFailure) {
      _ = try await document("/v1/cells?limit=1", isPatient: false)
      return false
    } catch {
      return error.mayPass
    }
  }

  /// Tells the control plane the Meta app's secrets: those that are given at each start, this
  /// machine's own where it knows none.
  ///
  /// Who has changed them there since is not overruled.
  func setMetaApp(isGiven: Bool) async throws(BootstrapFailure) {
    let path = "/v1/meta-apps/\(LocalSecrets.appName)"
    if !isGiven {
      do throws(BootstrapFailure) {
        _ = try await document(path)
        return
      } catch {
        guard error.failure.code == "not_found" else { throw error }
      }
    }
    _ = try await send(
      "PUT", path,
      ["app_secret": JSON(secrets.appSecret), "verify_token": JSON(secrets.verifyToken)],
      [try await authorization()])
  }

  private func reach() throws(BootstrapFailure) -> AdminAccess {
    switch access {
    case .success(let access): return access
    case .failure(let failure): throw BootstrapFailure(failure, mayPass: false)
    }
  }

  private func authorization() async throws(BootstrapFailure) -> (String, String) {
    ("authorization", "Bearer \(try await token())")
  }

  private static func token(in answer: JSON) throws(BootstrapFailure) -> String {
    guard let token = answer["token"]?.string else {
      throw BootstrapFailure(
        CommandFailure(.refused, code: "no_token", detail: "the answer has no token"),
        mayPass: false)
    }
    return token
  }

  /// One request to the admin host, again while it is not reachable, for a bounded time.
  private func send(
    _ method: String, _ path: String, _ body: JSON?, _ headers: [(String, String)],
    isPatient: Bool = true
  ) async throws(BootstrapFailure) -> JSON {
    let url = try reach().url
    let deadline = ContinuousClock.now + .seconds(isPatient ? Self.answerSeconds : 0)
    while true {
      let failure: BootstrapFailure
      do throws(CommandFailure) {
        let answer = try await caller.call(
          method, url + path, host: adminHost, headers: headers, body: body?.bytes())
        if (200..<300).contains(answer.status) { return answer.json }
        failure = BootstrapFailure(answer, to: "\(method) \(path)")
      } catch {
        failure = BootstrapFailure(error, mayPass: true)
      }
      guard failure.mayPass, ContinuousClock.now < deadline, !Task.isCancelled else {
        throw failure
      }
      try? await Task.sleep(for: .milliseconds(200))
    }
  }
}
