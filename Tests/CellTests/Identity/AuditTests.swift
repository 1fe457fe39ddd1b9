import Cryptography
import Storage
import Synchronization
import Testing
import Trust
import Wire

@testable import Cell

@Suite("Audit log") struct AuditTests {
  private static func lines(_ answer: TestAPI.Answer) -> [[UInt8]] {
    answer.bytes.split(separator: 0x0A).map { Array($0) }
  }

  private static func verify(
    _ lines: [[UInt8]], _ key: VerifyingKey, _ witness: VerifyingKey? = nil
  ) throws -> AuditVerifier.Verdict {
    var verifier = AuditVerifier(key: key, witness: witness, held: [])
    for line in lines { try verifier.take(line) }
    return try verifier.verdict()
  }

  @Test func `what is done is written with it, and what is refused or undone is not`()
    async throws
  {
    let api = try TestAPI()
    let bearer = await api.makeKey()
    let topUp = #"{"amount_micros":1000000,"currency":"EUR","reference":"bank-1"}"#
    let path = "/v1/tenants/t1/wallet/top-ups"
    _ = await api.admin("POST", path, topUp, key: "k1")
    _ = await api.admin("POST", path, topUp, key: "k1")
    _ = await api.admin("POST", path, topUp.replacing("EUR", with: "USD"))
    _ = await api.api("POST", "/v1/campaigns", "{}", bearer: bearer)
    #expect(await api.audited() == ["api_key.create", "wallet.top_up"])
    #expect(await api.audited("actor") == ["ops", "ops"])
  }

  @Test func `an export verifies offline, whatever its length, and its proofs hold`()
    async throws
  {
    let api = try TestAPI()
    let owner = try await api.person("owner")
    let tenant = TestAPI.tenant
    try await api.services.store.write(tenant, .init(requestID: "", traceID: "")) { tx in
      let log = try AuditLog(tx)
      for index in 0..<700 {
        try log.append(
          AuditEvent(action: "test.entry", actor: .system, subject: "\(index)"), at: tx.now)
      }
    }
    let answer = await api.api("GET", "/v1/audit/checkpoint", bearer: owner.access)
    let size = try #require(answer.integer("size"))
    let root = try #require([UInt8](hexText: answer.text("root") ?? ""))
    let key = try #require([UInt8](hexText: answer.text("key") ?? "").flatMap { VerifyingKey($0) })
    let export = await api.api("GET", "/v1/audit/export", bearer: owner.access)
    let verdict = try Self.verify(Self.lines(export), key)
    #expect(verdict.entries == size + 1, "the export is an entry itself")
    #expect(verdict.origin == "aimstors/audit/t1")

    for sequence in [0, 1, 255, 256, 511, 512, size - 1] {
      let proof = await api.api(
        "GET", "/v1/audit/inclusion?sequence=\(sequence)&size=\(size)", bearer: owner.access)
      let path = (proof.json["hashes"] as? [String] ?? []).compactMap { [UInt8](hexText: $0) }
      let leaf = try #require([UInt8](hexText: proof.text("leaf") ?? ""))
      #expect(
        MerkleTree.isIncluded(leaf, index: sequence, size: size, path: path, root: root),
        "\(sequence)")
    }
    for from in [Int64(1), 3, 256, 300, 512, size] {
      let old = await api.api(
        "GET", "/v1/audit/consistency?from=\(from)&to=\(from)", bearer: owner.access)
      let proof = await api.api(
        "GET", "/v1/audit/consistency?from=\(from)&to=\(size)", bearer: owner.access)
      let path = (proof.json["hashes"] as? [String] ?? []).compactMap { [UInt8](hexText: $0) }
      let oldRoot = try #require([UInt8](hexText: old.text("root") ?? ""))
      #expect(
        MerkleTree.isConsistent(
          old: from, oldRoot: oldRoot, new: size, newRoot: root, path: path), "\(from)")
    }
    for query in ["inclusion?sequence=9999&size=10", "inclusion?sequence=x", "consistency?from=0"] {
      let refused = await api.api("GET", "/v1/audit/\(query)", bearer: owner.access)
      #expect(refused.code == "invalid_field")
    }
  }

  @Test func `the database refuses to change or remove an entry`() async throws {
    let api = try TestAPI()
    _ = await api.makeKey()
    for attempt in 0..<2 {
      await #expect(throws: (any Error).self) {
        try await api.services.store.write(
          TestAPI.tenant, .init(requestID: "", traceID: "")
        ) { tx in
          let db = try tx.file(.sessions)
          if attempt == 0 {
            _ = try db.run("UPDATE audit_events SET action = 'x'")
          } else {
            _ = try db.run("DELETE FROM audit_events")
          }
        }
      }
    }
    #expect(await api.audited() == ["api_key.create"])
  }

  @Test func `a log with a hole is told and stops nobody`() async throws {
    let api = try TestAPI()
    let owner = try await api.person("owner")
    let store = api.services.store
    let origin = CommandOrigin(requestID: "", traceID: "")
    func fill(_ count: Int) async throws {
      try await store.write(TestAPI.tenant, origin) { tx in
        let log = try AuditLog(tx)
        for _ in 0..<count {
          try log.append(
            AuditEvent(action: "test.entry", actor: .system, subject: ""), at: tx.now)
        }
      }
    }
    try await fill(20)
    // Somebody with the database at hand.
    try await store.write(TestAPI.tenant, origin) { tx in
      let db = try tx.file(.sessions)
      try db.run("DROP TRIGGER audit_events_remain")
      try db.run("DELETE FROM audit_events WHERE sequence = 10")
    }
    let checkpoint = await api.api("GET", "/v1/audit/checkpoint", bearer: owner.access)
    #expect(checkpoint.code == "verification_failed", "\(checkpoint.json)")
    // Past the end of a tile, whose root cannot be made.
    try await fill(300)
    _ = await api.makeKey()
    let proof = await api.api(
      "GET", "/v1/audit/inclusion?sequence=200&size=300", bearer: owner.access)
    #expect(proof.code == "verification_failed")
    let rounds = api.services.identity.witness
    rounds.note(TestAPI.tenant)
    let now = Timestamp(milliseconds: api.clock.milliseconds())
    await rounds.run(logger: .init(label: "test"), now: now) { (_) async throws(Failure) in
      throw Failure(.internalError, "the witness is not asked to sign what has a hole")
    }
    let alerts = await api.admin("GET", "/v1/tenants/t1/alerts").list("data")
    #expect(alerts.first?["action"] as? String == "audit.verification_failed")
  }

  @Test(arguments: [false, true])
  func `a log that was cut is told, and grows on`(regrows: Bool) async throws {
    let api = try TestAPI()
    let witness = SigningKey(seed: [UInt8](repeating: 3, count: 32))
    let rounds = api.services.identity.witness
    let seen = WitnessMemory()
    func round() async {
      rounds.note(TestAPI.tenant)
      let now = Timestamp(milliseconds: api.clock.milliseconds())
      await rounds.run(logger: .init(label: "test"), now: now) { (bytes) async throws(Failure) in
        guard let statement = WitnessStatement(bytes), statement.goesOn(from: seen.last) else {
          throw Failure(.conflict, "another history")
        }
        let signed = statement.checkpoint.signed(Checkpoint.witnessName, by: witness)
        seen.set(signed)
        return Array(signed.text.utf8)
      }
    }
    let store = api.services.store
    let origin = CommandOrigin(requestID: "", traceID: "")
    try await store.write(TestAPI.tenant, origin) { tx in
      let log = try AuditLog(tx)
      // Its last is an alert, and fills the first tile.
      for index in 0..<256 {
        let action = index == 255 ? "audit.export" : "test.entry"
        try log.append(AuditEvent(action: action, actor: .system, subject: ""), at: tx.now)
      }
    }
    await round()
    try await store.write(TestAPI.tenant, origin) { tx in
      let db = try tx.file(.sessions)
      try db.run("DROP TRIGGER audit_events_remain")
      try db.run("DELETE FROM audit_alerts")
      try db.run("DELETE FROM audit_events WHERE sequence > 250")
    }
    func told() async -> Int {
      let alerts = await api.admin("GET", "/v1/tenants/t1/alerts").list("data")
      return alerts.count { $0["action"] as? String == "audit.verification_failed" }
    }
    #expect(await told() == 0 && seen.last?.size == 256)
    if regrows {
      // Past the end of the tile whose root is there already: as long as before, and longer.
      for _ in 0..<10 { #expect(await api.makeKey().hasPrefix("ask_")) }
    }
    await round()
    #expect(await told() == 1)
    #expect(seen.last?.size == 256, "nothing else was signed")
    #expect(api.services.identity.alerts.isWaiting(TestAPI.tenant))
  }

  @Test func `the witness signs what goes on, and refuses another history`() async throws {
    let api = try TestAPI()
    let witness = SigningKey(seed: [UInt8](repeating: 3, count: 32))
    let rounds = api.services.identity.witness
    let seen = WitnessMemory()
    func round() async {
      let now = Timestamp(milliseconds: api.clock.milliseconds())
      await rounds.run(logger: .init(label: "test"), now: now) {
        (bytes) async throws(Failure) in
        guard let statement = WitnessStatement(bytes), statement.goesOn(from: seen.last) else {
          throw Failure(.conflict, "another history")
        }
        let signed = statement.checkpoint.signed(Checkpoint.witnessName, by: witness)
        seen.set(signed)
        return Array(signed.text.utf8)
      }
    }
    _ = await api.makeKey()
    await round()
    #expect(seen.last?.size == 1)
    _ = await api.makeKey()
    _ = await api.makeKey()
    await round()
    #expect(seen.last?.size == 3)
    let export = await api.admin("GET", "/v1/tenants/t1/audit/export")
    let key = api.services.auditKey(of: TestAPI.tenant).verifying
    let verdict = try Self.verify(Self.lines(export), key, witness.verifying)
    #expect(verdict.witnessed == 3 && verdict.entries == 4)
  }

  @Test func `refused credentials are told apart in the log, alike to the caller, and bounded`()
    async throws
  {
    let api = try TestAPI()
    let key = await api.makeKey()
    let listed = await api.makeKey(#""scopes":["*"],"allow_cidrs":["198.51.100.0/24"]"#)
    let list = await api.admin("GET", "/v1/tenants/t1/api-keys").list("data")
    let id = try #require(list.first?["id"] as? String)
    #expect(await api.api("GET", "/v1/contacts", bearer: listed).code == "address_not_allowed")
    _ = await api.admin("DELETE", "/v1/tenants/t1/api-keys/\(id)")
    let revoked = await api.api("GET", "/v1/contacts", bearer: key)
    let unknown = APIKeyText(
      mode: .live, tenant: TestAPI.tenant, publicID: "000000000000",
      secret: String(repeating: "0", count: 30))
    let never = await api.api("GET", "/v1/contacts", bearer: unknown.text)
    #expect(revoked.document == never.document)
    for _ in 0..<1_000 { _ = await api.api("GET", "/v1/contacts", bearer: "nonsense") }
    let actions = await api.audited()
    #expect(actions.contains("credential.address_refused"))
    #expect(actions.contains("credential.revoked_used"))
    #expect(actions.filter { $0.hasPrefix("credential.") }.count == 4)
    let alerts = await api.admin("GET", "/v1/tenants/t1/alerts").list("data")
    #expect(alerts.contains { $0["action"] as? String == "credential.revoked_used" })
  }
}

/// What a test's witness signed last.
private final class WitnessMemory: Sendable {
  private let checkpoint = Mutex<Checkpoint?>(nil)
  var last: Checkpoint? { checkpoint.withLock { $0 } }
  func set(_ checkpoint: Checkpoint) { self.checkpoint.withLock { $0 = checkpoint } }
}
