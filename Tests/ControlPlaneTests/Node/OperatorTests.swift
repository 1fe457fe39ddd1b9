import Cryptography
import Messaging
import Storage
import Testing
import Trust
import Wire

@testable import ControlPlane

@Suite("Operators, grants, witness") struct OperatorTests {
  private static func create(
    _ deployment: Deployment, _ role: String, by bearer: String? = nil
  ) async throws -> Answer {
    try await deployment.admin(
      "POST", "/v1/operators", #"{"name":"\#(role)","role":"\#(role)"}"#, key: "o-\(role)",
      bearer: bearer)
  }

  @Test func `each role of the platform is let through exactly where the table says so`()
    async throws
  {
    let deployment = try await Deployment()
    _ = try await deployment.cell("cell-1")
    let tenant = try await deployment.tenant("one")
    for role in PlatformRole.allCases {
      let token = try await Self.create(deployment, role.rawValue).text("token")
      for rule in PermissionTable.rules where rule.host == .admin {
        guard case .platform(let scopes) = rule.access else { continue }
        // A stand-in answers for the cell, in its own words.
        var path = rule.path.replacing("/v1/tenants/{}", with: "/v1/tenants/\(tenant)")
        let isOfCell = rule.path.hasPrefix("/v1/tenants/{}/")
        path = path.replacing("{}", with: "x9")
        if role.scopes.isSuperset(of: scopes), isOfCell || rule.isWrite {
          // What the control plane registers beside it must not hide it.
          if rule.path.hasPrefix("/v1/tenants/{}/audit") {
            let passed = try await deployment.forwarded(rule.method, path, bearer: token)
            #expect(passed, "\(rule.path) does not reach the cell")
          }
          continue
        }
        let answer = try await deployment.admin(
          rule.method, path, rule.method == "GET" ? "" : "{}", key: "k-\(role)-\(rule.path)",
          bearer: token)
        let isRefused = answer.status == 403
        #expect(
          isRefused == !role.scopes.isSuperset(of: scopes),
          "\(rule.method) \(rule.path) as \(role.rawValue): \(answer.raw)")
        let open = try await deployment.admin(
          rule.method, path, key: "n-\(rule.path)", bearer: "")
        #expect((try open.code()) == "unauthenticated", "\(rule.path) without a credential")
      }
    }
  }

  @Test func `nobody makes or removes an operator at or above their own level, and one stays`()
    async throws
  {
    let deployment = try await Deployment()
    let admin = try await Self.create(deployment, "super_admin")
    let admin2 = try admin.text("token")
    let first = try await deployment.admin("GET", "/v1/operators")
    #expect(first.raw.contains("super_admin"))
    let id = try admin.text("id")
    let path = "/v1/operators/\(id)"
    #expect(try await deployment.admin("DELETE", path, key: "d").status == 204)
    #expect(try await deployment.admin("DELETE", path, key: "d").status == 204, "its repeat")
    #expect(try await deployment.admin("DELETE", path, key: "d2").code() == "not_found")
    let dead = try await deployment.admin("GET", "/v1/cells", bearer: admin2)
    #expect((try dead.code()) == "unauthenticated")
    let people = try await deployment.store.read(.platformStore, [.platform]) {
      try PlatformRows(connection: $0.file(.platform)).operators(after: "", limit: 10)
    }
    let last = try #require(people.first { $0.role == .superAdmin })
    let refused = try await deployment.admin(
      "DELETE", "/v1/operators/\(last.id)", key: "d3")
    #expect((try refused.code()) == "last_owner")
    let other = try await deployment.admin("DELETE", "/v1/operators/\(last.id)", key: "d")
    #expect((try other.code()) == "idempotency_conflict")
    let bad = try await Self.create(deployment, "king")
    #expect((try bad.code()) == "invalid_field")
  }

  @Test func `a grant is signed for the tenant's cell, listed, and taken back there`()
    async throws
  {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-1")
    let tenant = try await deployment.tenant("one")
    let path = "/v1/tenants/\(tenant)/impersonations"
    for body in [#"{"reason":"x"}"#, #"{"reason":"a good reason","minutes":61}"#, "{}"] {
      #expect(try await deployment.admin("POST", path, body, key: body).code() == "invalid_field")
    }
    let made = try await deployment.admin(
      "POST", path, #"{"reason":"ticket 42: stuck","minutes":20}"#, key: "i")
    #expect(made.status == 201, "\(made.raw)")
    let bytes = try await deployment.router.peer(at: deployment.control).request(
      .grantKey, [], timeout: Deployment.patience, traceID: "")
    let key = try #require(VerifyingKey(bytes))
    let now = Timestamp(milliseconds: deployment.clock.milliseconds())
    let grant = try ImpersonationGrant.read(
      try made.text("grant"), key: key, tenant: TenantID(trusted: tenant),
      cell: CellID(trusted: "cell-1"), now: now)
    #expect(grant.reason == "ticket 42: stuck")
    #expect(grant.expiresAt == grant.issuedAt.adding(seconds: 1_200))
    let id = try made.text("id")
    let list = try await deployment.admin("GET", "/v1/impersonations")
    #expect(list.raw.contains(id) && !list.raw.contains("aig_"))
    let ended = try await deployment.admin("DELETE", "/v1/impersonations/\(id)")
    #expect(ended.status == 204)
    #expect(cell.seen.ended == ["\(tenant) \(id)"])
    let unknown = try await deployment.admin("DELETE", "/v1/impersonations/imp_x")
    #expect((try unknown.code()) == "not_found")
    let audit = try await deployment.admin("GET", "/v1/audit")
    #expect(audit.raw.contains("impersonation.grant") && audit.raw.contains("impersonation.end"))
  }

  @Test func `the witness signs one history of a log only`() async throws {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-1")
    let stranger = try await deployment.cell("cell-2")
    let tenant = try await deployment.tenant("one", cell: "cell-1")
    let key = SigningKey(seed: [UInt8](repeating: 1, count: 32))
    func statement(
      _ entries: [UInt8], previous: Int64, by signer: SigningKey? = nil
    ) throws -> WitnessStatement {
      let leaves = entries.map { MerkleTree.leaf([$0]) }
      func subtree(_ start: Int64, _ count: Int64) -> [UInt8] {
        count == 1
          ? leaves[Int(start)]
          : MerkleTree.node(
            subtree(start, count / 2), subtree(start + count / 2, count / 2))
      }
      let size = Int64(entries.count)
      let origin = Checkpoint.origin(ofTenant: tenant)
      return WitnessStatement(
        tenant: TenantID(trusted: tenant), key: (signer ?? key).verifying,
        checkpoint: Checkpoint(
          origin: origin, size: size,
          root: try MerkleTree.root(from: 0, count: size, subtree)
        ).signed(origin, by: signer ?? key), previousSize: previous,
        proof: previous == 0
          ? [] : try MerkleTree.consistency(from: previous, size: size, subtree))
    }
    func sign(
      _ statement: WitnessStatement, from asking: FakeCell? = nil
    ) async -> FailureCode? {
      do {
        let bytes = try await (asking ?? cell).messenger.peer(at: deployment.control).request(
          .checkpoint, statement.bytes, timeout: Deployment.patience, traceID: "")
        let signed = Checkpoint(String(decoding: bytes, as: UTF8.self))
        #expect(signed?.body == statement.checkpoint.body)
        return nil
      } catch .refused(let failure) {
        return failure.code
      } catch {
        return .internalError
      }
    }
    let first = try statement([1, 2, 3], previous: 0)
    #expect(await sign(first, from: stranger) == .epochStale, "it does not keep this log")
    #expect(await sign(first) == nil)
    #expect(await sign(first) == nil, "a lost answer")
    #expect(await sign(try statement([1, 2, 3, 4, 5], previous: 3)) == nil)
    for _ in 0..<3 {
      #expect(await sign(try statement([1, 2, 3], previous: 3)) == .conflict, "cut")
    }
    #expect(await sign(try statement([1, 9, 3, 4, 5, 6], previous: 5)) == .conflict, "rewritten")
    let other = SigningKey(seed: [UInt8](repeating: 2, count: 32))
    let foreign = try statement([1, 2, 3, 4, 5, 6], previous: 5, by: other)
    #expect(await sign(foreign) == .forbidden)
    let audit = try await deployment.admin("GET", "/v1/audit")
    let told = try audit.data().filter { $0["action"]?.string == "audit.verification_failed" }
    #expect(told.count == 3, "each refusal once, however often it is asked for")
    let alerts = try await deployment.admin("GET", "/v1/alerts")
    #expect(alerts.raw.contains("audit.verification_failed"))
    // An operator accepts that its end was lost: it goes on from an earlier point, once.
    let path = "/v1/audit/witness/\(tenant)/branch"
    let short = try await deployment.admin("POST", path, #"{"reason":"x"}"#, key: "b0")
    #expect(try short.code() == "invalid_field")
    let unknown = try await deployment.admin(
      "POST", "/v1/audit/witness/t9/branch", #"{"reason":"the disk was lost"}"#, key: "b1")
    #expect(try unknown.code() == "not_found")
    try await deployment.acceptBranch(of: tenant)
    #expect(await sign(try statement([1, 2, 3, 7], previous: 3)) == nil)
    #expect(await sign(try statement([1, 2, 3, 7, 8], previous: 4)) == nil)
    #expect(await sign(try statement([1, 2], previous: 0)) == .conflict, "once")
    let after = try await deployment.admin("GET", "/v1/alerts")
    #expect(after.raw.contains("audit.branch"))
  }

  @Test func `a restore in place lets the tenant's log go on from an earlier point`() async throws {
    let deployment = try await Deployment()
    _ = try await deployment.cell("cell-a")
    let tenant = try await deployment.tenant("a", cell: "cell-a")
    let begun = try await deployment.admin(
      "POST", "/v1/tenants/\(tenant)/restores", #"{"at":7,"mode":"swap","accept":true}"#,
      key: "r1")
    let id = try begun.text("id")
    let branch = try await deployment.node.services.store.write(trace: "") { tx, rows in
      try rows.useBranch(
        of: TenantID(trusted: tenant),
        leaving: Checkpoint(origin: "x", size: 1, root: MerkleTree.emptyRoot), at: tx.now)
    }
    #expect(branch?.id == id)
  }

  @Test func `the platform's log verifies offline, and its rows stay as they are`() async throws {
    let deployment = try await Deployment()
    _ = try await deployment.cell("cell-1")
    _ = try await deployment.tenant("one")
    let checkpoint = try await deployment.admin("GET", "/v1/audit/checkpoint")
    let bytes = [UInt8](hexText: try checkpoint.text("key"))
    let key = try #require(bytes.flatMap { VerifyingKey($0) })
    let export = try await deployment.admin("GET", "/v1/audit/export")
    var verifier = AuditVerifier(key: key, witness: nil, held: [])
    for line in export.bytes.split(separator: 0x0A) { try verifier.take(Array(line)) }
    let verdict = try verifier.verdict()
    #expect(verdict.origin == "aimstors/audit/platform" && verdict.entries > 2)
    await #expect(throws: (any Error).self) {
      try await deployment.store.write(
        .platformStore, .init(requestID: "", traceID: "")
      ) { tx in _ = try tx.file(.platform).run("DELETE FROM audit_log") }
    }
  }
}

extension Deployment {
  /// As the route does, for a tenant of which only the log is known.
  fileprivate func acceptBranch(of tenant: String) async throws {
    try await node.services.store.write(trace: "") { tx, rows in
      try rows.acceptBranch(
        "op_1", TenantID(trusted: tenant), reason: "the disk was lost", at: tx.now)
    }
  }

  /// Whether a request reaches the cell's stand-in.
  fileprivate func forwarded(_ method: String, _ path: String, bearer: String) async throws -> Bool
  {
    var envelope = Aimstors_ProtoRequest()
    envelope.method = method
    envelope.target = path
    envelope.hostKind = "admin"
    var header = Aimstors_ProtoHeader()
    (header.name, header.value) = ("authorization", "Bearer \(bearer)")
    envelope.headers = [header]
    let bytes = try await router.peer(at: control).request(
      .http, try envelope.serializedBytes(), timeout: Deployment.patience, traceID: "")
    let response = try Aimstors_ProtoResponse(serializedBytes: bytes)
    return String(decoding: response.body, as: UTF8.self).contains("cell")
  }
}
