import Cryptography
import Simulation
import Testing
import Trust
import Wire

@testable import ControlPlane

@Suite("Operators' second factor") struct OperatorFactorTests {
  private struct Person {
    let id: String
    let token: String
    let secret: [UInt8]
    let codes: [String]
  }

  private static func code(_ secret: [UInt8], _ deployment: Deployment) -> String {
    let now = Timestamp(milliseconds: deployment.clock.milliseconds())
    return OneTimeCode.code(secret, step: OneTimeCode.step(at: now))
  }

  private static func body(_ code: String) -> String { #"{"code":"\#(code)"}"# }

  /// The secret as the store keeps it, which is sealed.
  private static func secret(of id: String, _ deployment: Deployment) async throws -> [UInt8] {
    let factor = try await deployment.store.read(.platformStore, [.platform]) {
      try PlatformRows(connection: $0.file(.platform)).factor(of: id)
    }
    let sealed = try #require(factor).secret
    let sealer = try Sealer(
      key: DeploymentSecrets(deploymentKey: deployment.key).sealingKey,
      ring: deployment.configuration.keys)
    let text = try sealer.open(sealed, context: OperatorFactor.context(of: id))
    return try #require([UInt8](hexText: text))
  }

  private static func enrolled(_ deployment: Deployment, _ role: String) async throws -> Person {
    let made = try await deployment.admin(
      "POST", "/v1/operators", #"{"name":"\#(role)","role":"\#(role)"}"#, key: "o-\(role)")
    let (id, token) = (try made.text("id"), try made.text("token"))
    let enrolment = try await deployment.admin("POST", "/v1/me/totp", key: "e", bearer: token)
    #expect(enrolment.status == 201 && enrolment.raw.contains("otpauth://totp/"))
    let secret = try await secret(of: id, deployment)
    #expect(try enrolment.text("secret") == secret.base32Text)
    #expect(
      try await deployment.admin("GET", "/v1/status", bearer: token).status == 200,
      "nothing is asked for before it is confirmed")
    let wrong = try await deployment.admin(
      "POST", "/v1/me/totp/confirm", body("000000x"), key: "w", bearer: token)
    #expect(try wrong.code() == "forbidden")
    let confirmed = try await deployment.admin(
      "POST", "/v1/me/totp/confirm", body(code(secret, deployment)), key: "c", bearer: token)
    let codes = try confirmed.root()["recovery_codes"].map { list in
      list.elements.compactMap { $0.string }
    }
    #expect(codes?.count == RecoveryCode.count)
    return Person(id: id, token: token, secret: secret, codes: codes ?? [])
  }

  private static func open(
    _ code: String, _ person: Person, _ deployment: Deployment
  ) async throws -> Answer {
    try await deployment.admin(
      "POST", "/v1/me/sessions", body(code), key: "s-\(code)", bearer: person.token)
  }

  @Test func `with a second factor the token opens a session alone, and a code works once`()
    async throws
  {
    let deployment = try await Deployment()
    let person = try await Self.enrolled(deployment, "operator")
    for (method, path) in [("GET", "/v1/me"), ("GET", "/v1/tenants"), ("POST", "/v1/me/totp")] {
      let answer = try await deployment.admin(method, path, key: path, bearer: person.token)
      #expect(try answer.code() == "second_factor_required", "\(path)")
    }
    let used = Self.code(person.secret, deployment)
    #expect(try await Self.open(used, person, deployment).code() == "forbidden", "used before")
    deployment.clock.advance(milliseconds: 30_000)
    let opened = try await Self.open(Self.code(person.secret, deployment), person, deployment)
    let session = try opened.text("token")
    #expect(session.hasPrefix("aos_"))
    let me = try await deployment.admin("GET", "/v1/me", bearer: session)
    #expect(try me.text("id") == person.id && me.raw.contains("\"second_factor\":true"))
    #expect(
      try await deployment.admin("POST", "/v1/operators", "{}", key: "x", bearer: session).code()
        == "forbidden", "a session has its operator's role")
    deployment.clock.advance(milliseconds: OperatorSession.lifetimeSeconds * 1_000)
    let late = try await deployment.admin("GET", "/v1/me", bearer: session)
    #expect(try late.code() == "unauthenticated")
  }

  @Test func `a recovery code opens once, and all sessions end at once`() async throws {
    let deployment = try await Deployment()
    let person = try await Self.enrolled(deployment, "support")
    let first = try await Self.open(person.codes[0].uppercased(), person, deployment)
    let session = try first.text("token")
    #expect(try await Self.open(person.codes[0], person, deployment).code() == "forbidden")
    let second = try await Self.open(person.codes[1], person, deployment).text("token")
    #expect(
      try await deployment.admin("DELETE", "/v1/me/sessions", key: "d", bearer: session).status
        == 204)
    for token in [session, second] {
      let dead = try await deployment.admin("GET", "/v1/me", bearer: token)
      #expect(try dead.code() == "unauthenticated")
    }
  }

  @Test func `a guesser waits, even with the right code, and people hear of it`() async throws {
    let deployment = try await Deployment()
    let person = try await Self.enrolled(deployment, "operator")
    deployment.clock.advance(milliseconds: 30_000)
    for attempt in 0..<WrongCodeRule.free {
      let answer = try await Self.open("wrong\(attempt)", person, deployment)
      #expect(try answer.code() == "forbidden")
    }
    let right = Self.code(person.secret, deployment)
    #expect(try await Self.open(right, person, deployment).code() == "rate_limited")
    let alerts = try await deployment.admin("GET", "/v1/alerts")
    #expect(alerts.raw.contains("session.lock_out"))
    deployment.clock.advance(milliseconds: WrongCodeRule.firstWaitSeconds * 1_000)
    #expect(try await Self.open(person.codes[2], person, deployment).status == 201)
  }

  @Test func `it goes away by a code of it, or by somebody above`() async throws {
    let deployment = try await Deployment()
    let person = try await Self.enrolled(deployment, "operator")
    let session = try await Self.open(person.codes[0], person, deployment).text("token")
    let guess = try await deployment.admin(
      "POST", "/v1/me/totp/remove", Self.body("123"), key: "g", bearer: session)
    #expect(try guess.code() == "forbidden")
    let other = try await Self.enrolled(deployment, "support")
    let reset = "/v1/operators/\(person.id)/totp"
    #expect(
      try await deployment.admin("DELETE", reset, key: "r", bearer: other.token).code()
        == "second_factor_required")
    let itself = "/v1/operators/\(other.id)/totp"
    #expect(
      try await deployment.admin("DELETE", itself, key: "r2", bearer: session).status == 403,
      "an operator does not rule over operators")
    let removed = try await deployment.admin(
      "POST", "/v1/me/totp/remove", Self.body(person.codes[1]), key: "m", bearer: session)
    #expect(removed.status == 204, "\(removed.raw)")
    #expect(try await deployment.admin("GET", "/v1/me", bearer: person.token).status == 200)
    let dead = try await deployment.admin("GET", "/v1/me", bearer: session)
    #expect(try dead.code() == "unauthenticated")
    #expect(try await deployment.admin("DELETE", itself, key: "r3").status == 204)
    #expect(try await deployment.admin("GET", "/v1/me", bearer: other.token).status == 200)
    let list = try await deployment.admin("GET", "/v1/operators")
    #expect(!list.raw.contains("\"second_factor\":true"))
    let alerts = try await deployment.admin("GET", "/v1/alerts")
    #expect(alerts.raw.contains("totp.remove"))
    #expect(try await deployment.admin("DELETE", itself, key: "r4").code() == "not_found")
  }

  @Test func `what was answered is answered again under its key, and to nobody else`()
    async throws
  {
    let deployment = try await Deployment()
    let code = Self.code
    let person = try await Self.enrolled(deployment, "operator")
    func confirm(_ key: String, _ bearer: String, _ text: String? = nil) async throws -> Answer {
      try await deployment.admin(
        "POST", "/v1/me/totp/confirm", Self.body(text ?? code(person.secret, deployment)),
        key: key, bearer: bearer)
    }
    #expect(try await confirm("c", person.token).code() == "second_factor_required")
    let session = try await Self.open(person.codes[0], person, deployment).text("token")
    let again = try await confirm("c", session)
    #expect(again.status == 200, "\(again.raw)")
    let codes = try again.root()["recovery_codes"].map { $0.elements.compactMap { $0.string } }
    #expect(codes == person.codes)
    #expect(again.headers["cache-control"] == "no-store")
    #expect(try await confirm("c", session, "123456").code() == "idempotency_conflict")
    deployment.clock.advance(milliseconds: 30_000)
    #expect(try await confirm("c2", session).code() == "invalid_state")
    // The same guess under its key is one guess.
    for _ in 0..<WrongCodeRule.free + 1 {
      #expect(try await confirm("guess", session, "000000x").code() == "forbidden")
    }
    func remove(_ key: String, _ bearer: String) async throws -> Answer {
      try await deployment.admin(
        "POST", "/v1/me/totp/remove", Self.body(person.codes[1]), key: key, bearer: bearer)
    }
    #expect(try await remove("m", session).status == 204)
    #expect(try await remove("m", person.token).status == 204)
    #expect(try await remove("m2", person.token).code() == "invalid_state")
    let other = try await Self.enrolled(deployment, "support")
    let reset = "/v1/operators/\(other.id)/totp"
    for _ in 0..<2 {
      #expect(try await deployment.admin("DELETE", reset, key: "r").status == 204)
    }
    #expect(try await deployment.admin("DELETE", reset, key: "r2").code() == "not_found")
  }

  private static func recover(
    _ person: Person, _ deployment: Deployment, key: String
  ) async throws -> Answer {
    let proof = DeploymentProof.make(
      .removeFactor(of: person.id), key: deployment.key,
      seconds: deployment.clock.milliseconds() / 1_000, nonce: "0123456789")
    return try await deployment.admin(
      "POST", "/v1/operators/totp-recovery", #"{"operator":"\#(person.id)"}"#, key: key,
      bearer: "", headers: [DeploymentProof.header: proof])
  }

  @Test func `the deployment's key takes a factor away, and its repeat is answered alike`()
    async throws
  {
    let deployment = try await Deployment()
    let person = try await Self.enrolled(deployment, "operator")
    for _ in 0..<2 {
      #expect(try await Self.recover(person, deployment, key: "k").status == 204)
    }
    #expect(try await Self.recover(person, deployment, key: "k2").code() == "not_found")
    #expect(try await deployment.admin("GET", "/v1/me", bearer: person.token).status == 200)
  }

  @Test func `whoever has filled the table of keys keeps nobody from taking them away`()
    async throws
  {
    let deployment = try await Deployment(idempotencyKeys: 30)
    var people: [Person] = []
    for role in ["operator", "support", "support"] {
      people.append(try await Self.enrolled(deployment, role))
    }
    var filled = ""
    for number in 0...30 where filled.isEmpty {
      let answer = try await deployment.admin(
        "POST", "/v1/cells/join-tokens", key: "fill-\(number)")
      if answer.status == 429 { filled = try answer.code() }
    }
    #expect(filled == "idempotency_table_full")
    let session = try await Self.open(people[0].codes[0], people[0], deployment).text("token")
    let removed = try await deployment.admin(
      "POST", "/v1/me/totp/remove", Self.body(people[0].codes[1]), key: "m", bearer: session)
    #expect(removed.status == 204, "\(removed.raw)")
    let reset = "/v1/operators/\(people[1].id)/totp"
    #expect(try await deployment.admin("DELETE", reset, key: "r").status == 204)
    #expect(try await Self.recover(people[2], deployment, key: "k").status == 204)
    for person in people {
      let gone = try await deployment.admin("DELETE", "/v1/operators/\(person.id)", key: person.id)
      #expect(gone.status == 204, "\(gone.raw)")
      let dead = try await deployment.admin("GET", "/v1/me", bearer: person.token)
      #expect(try dead.code() == "unauthenticated")
    }
  }

  @Test func `a rotation seals apps and second factors anew, and all of them go on`() async throws {
    let random = SeededRandomSource(seed: 9)
    let (old, new) = (random.bytes(32), random.bytes(32))
    let ring = KeyRing(.init(sealing: [old]))
    let deployment = try await Deployment { $0.keys = ring }
    let put = try await deployment.admin(
      "PUT", "/v1/meta-apps/app-1",
      #"{"app_secret":"s3cret","previous_app_secret":"was","verify_token":"v"}"#, key: "m")
    #expect(put.status == 200, "\(put.raw)")
    let person = try await Self.enrolled(deployment, "operator")
    ring.replace(with: .init(sealing: [new, old]))
    await deployment.node.reseal()
    // The older key leaves the file.
    ring.replace(with: .init(sealing: [new]))
    let sealer = try Sealer(
      key: DeploymentSecrets(deploymentKey: random.bytes(32)).sealingKey, ring: ring)
    let stored = try await deployment.store.read(.platformStore, [.platform]) {
      try PlatformRows(connection: $0.file(.platform)).metaApp(MetaAppID(trusted: "app-1"))
    }
    let app = try sealer.open(try #require(stored))
    #expect(app.appSecret == "s3cret" && app.previousAppSecret == "was" && app.verifyToken == "v")
    deployment.clock.advance(milliseconds: 30_000)
    let opened = try await Self.open(Self.code(person.secret, deployment), person, deployment)
    #expect(opened.status == 201, "\(opened.raw)")
  }
}
