import AsyncHTTPClient
import GraphSimulator

/// A signed-in person whose program renews its session as a careful client does: what is not
/// answered, or answered with 5xx or 429, is sent again with the same token.
actor RefreshingPerson {
  static let password = "correct horse battery"
  /// How long a client waits for one answer.
  static let patienceMilliseconds: Int64 = 5_000

  /// What the client holds.
  struct Pair: Sendable {
    let access: String
    let refresh: String
  }
  /// What one renewal met.
  struct Met: Sendable {
    var lostAnswers = 0
    var isLoggedOut = false
    /// The same token was answered with two different pairs.
    var isContradicted = false
  }

  let tenant: ChaosTenant
  let email: String
  private let client: SystemClient
  private(set) var pair: Pair
  private(set) var session: String
  /// Renewals of this session that came through.
  private(set) var renewals = 0
  /// The token that was used last; its successor is the pair that the client holds.
  private var used: String?
  /// A token that is used, and whose successor is too.
  private(set) var spent: String?

  init(_ name: String, in tenant: ChaosTenant, _ client: SystemClient) async throws {
    self.tenant = tenant
    self.client = client
    email = "\(name)@example.com"
    let invited = try await client.admin(
      "POST", "/v1/tenants/\(tenant.id)/users",
      ["email": JSON(email), "name": JSON(name), "role": "agent"], key: "invite-\(name)")
    _ = try await client.app(
      "POST", "/t/\(tenant.name)/v1/invitations/accept",
      ["token": invited["token"] ?? .null, "password": JSON(Self.password)])
    (pair, session) = try await Self.signIn(email, tenant, client)
  }

  func signInAgain() async throws {
    (pair, session) = try await Self.signIn(email, tenant, client)
    renewals = 0
    used = nil
    spent = nil
  }

  private static func signIn(
    _ email: String, _ tenant: ChaosTenant, _ client: SystemClient
  ) async throws -> (Pair, String) {
    let tokens = try await client.app(
      "POST", "/t/\(tenant.name)/v1/sessions",
      ["email": JSON(email), "password": JSON(password)])
    guard let pair = Pair(tokens), let session = tokens["session_id"]?.string else {
      throw ChaosFailure("a sign-in was answered with something else")
    }
    return (pair, session)
  }

  /// Renews once; the first `losses` answers are lost on their way.
  func renew(losing losses: Int) async throws -> Met {
    var met = Met()
    let presented = pair.refresh
    var first: [UInt8]?
    let deadline = ContinuousClock.now + .seconds(SystemClient.patienceSeconds)
    while true {
      guard ContinuousClock.now < deadline else {
        throw ChaosFailure("\(email) was not answered in \(SystemClient.patienceSeconds) s")
      }
      // Now and then the connection itself goes while the answer is on its way.
      let patience =
        met.lostAnswers == 0 && losses > 2 ? Int64(3) : Self.patienceMilliseconds
      guard let (status, bytes) = await refresh(presented, patience) else {
        met.lostAnswers += 1
        continue
      }
      switch status {
      case 200:
        if let first, first != bytes { met.isContradicted = true }
        if first == nil { first = bytes }
        if met.lostAnswers < losses {
          met.lostAnswers += 1
          continue
        }
        guard let next = Pair((try? JSON(parsing: bytes)) ?? .null) else {
          throw ChaosFailure("a renewal was answered with something else")
        }
        took(next, for: presented)
        return met
      case 401:
        met.isLoggedOut = true
        return met
      default: try await Task.sleep(for: .milliseconds(SystemClient.pauseMilliseconds))
      }
    }
  }

  private func took(_ next: Pair, for presented: String) {
    spent = used
    used = presented
    pair = next
    renewals += 1
  }

  /// Many clients at once present the same token; answers each distinct answer.
  func herd(_ count: Int) async throws -> (answers: Set<[UInt8]>, refused: Int) {
    let (token, client) = (pair.refresh, client)
    let results = try await withThrowingTaskGroup(of: (Int, [UInt8]).self) { group in
      for _ in 0..<count {
        group.addTask { try await Self.insist(token, client) }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    let answers = Set(results.filter { $0.0 == 200 }.map(\.1))
    if let one = answers.first, let next = Pair((try? JSON(parsing: one)) ?? .null) {
      took(next, for: token)
    }
    return (answers, results.count { $0.0 != 200 })
  }

  /// Whether the access token works now.
  func isSignedIn() async throws -> Bool {
    do {
      _ = try await client.api(pair.access, "GET", "/v1/me")
      return true
    } catch let refusal as SystemClient.Refused where refusal.code == "unauthenticated" {
      return false
    }
  }

  /// Status of a replay of a spent token, as a thief would send it; nil where there is none yet.
  func replaySpent() async throws -> Int? {
    guard let spent else { return nil }
    return try await Self.insist(spent, client).0
  }

  private func refresh(_ token: String, _ milliseconds: Int64) async -> (Int, [UInt8])? {
    await Self.refresh(token, client, milliseconds)
  }

  /// Until there is a final answer.
  private static func insist(
    _ token: String, _ client: SystemClient
  ) async throws -> (Int, [UInt8]) {
    let deadline = ContinuousClock.now + .seconds(SystemClient.patienceSeconds)
    while ContinuousClock.now < deadline {
      if let answer = await refresh(token, client, 4 * patienceMilliseconds), answer.0 < 429 {
        return answer
      }
      try await Task.sleep(for: .milliseconds(SystemClient.pauseMilliseconds))
    }
    throw ChaosFailure("a renewal was not answered in \(SystemClient.patienceSeconds) s")
  }

  /// Nil where no answer came.
  private static func refresh(
    _ token: String, _ client: SystemClient, _ milliseconds: Int64
  ) async -> (Int, [UInt8])? {
    var request = HTTPClientRequest(url: client.url + "/v1/sessions/refresh")
    request.method = .POST
    request.headers.add(name: "host", value: client.apiHost)
    request.headers.add(name: "authorization", value: "Bearer \(token)")
    do {
      let response = try await HTTPClient.shared.execute(
        request, timeout: .milliseconds(milliseconds))
      let content = try await response.body.collect(upTo: SystemClient.answerBytes)
      return (Int(response.status.code), Array(content.readableBytesView))
    } catch {
      return nil
    }
  }
}

extension RefreshingPerson.Pair {
  init?(_ tokens: JSON) {
    guard let access = tokens["access_token"]?.string,
      let refresh = tokens["refresh_token"]?.string
    else { return nil }
    self.init(access: access, refresh: refresh)
  }
}
