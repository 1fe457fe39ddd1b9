import Edge
import Logging
import Messaging
import Platform
import Storage
import Testing
import Trust
import Wire

@testable import Cell

/// Nobody reaches another tenant's data: not by an old placement, a forged envelope, an identifier
/// that is a path, or a credential that was cut and pasted.
@Suite("Isolation") struct IsolationTests {
  /// A cell that owns `t1` under epoch 5.
  private struct Owned: Placements {
    var epochs = ["t1": Epoch(5)]
    func epoch(of tenant: String) -> Epoch? { epochs[tenant] }
    func refusal(of tenant: String) -> Failure? { nil }
    func whereabouts(of tenant: String) -> Aimstors_ProtoMoved {
      var moved = Aimstors_ProtoMoved()
      moved.cell = "elsewhere"
      return moved
    }
    func digest(_ query: Aimstors_ProtoDigestRequest) async throws(Failure)
      -> Aimstors_ProtoDigestAnswer
    { throw Failure(.internalError, "not asked for here") }
  }

  private func handler(_ api: TestAPI, _ placements: Owned = Owned()) -> CellHandler {
    let store = api.services.store
    let directives = Directives(
      store: store, cell: CellID(trusted: "c1"), region: RegionID(trusted: "r1"))
    let responder = CellAPI.responder(api.services, logger: Logger(label: "test"))
    return CellHandler(
      http: { await responder.respond(to: $0, from: $1) },
      webhook: { (_, _) async throws(Failure) in }, placements: placements,
      spool: Spool(store: store), directives: directives,
      provisioning: Provisioning(
        store: store, directives: directives, create: { (_, _) async throws(Failure) in },
        wake: { _ in }, wakeAll: {}),
      inventory: { Aimstors_ProtoJoin() },
      endImpersonation: { (_) async throws(Failure) in },
      work: { (_) throws(Failure) in throw Failure(.internalError, "not asked for here") },
      move: { (_, _) async throws(Failure) in throw Failure(.internalError, "not asked for") })
  }

  private func send(
    _ handler: CellHandler, _ method: WireMethod = .http, tenant: String = "t1",
    epoch: UInt64 = 5, host: String = "api", target: String = "/v1/contacts",
    headers: [(String, String)], role: PeerIdentity.Role = .router
  ) async throws -> Aimstors_ProtoResponse {
    var envelope = Aimstors_ProtoRequest()
    envelope.tenant = tenant
    envelope.epoch = epoch
    envelope.method = "GET"
    envelope.target = target
    envelope.hostKind = host
    envelope.headers = headers.map { header in
      var field = Aimstors_ProtoHeader()
      (field.name, field.value) = header
      return field
    }
    let bytes = try await handler.handle(
      IncomingRequest(
        method: method, peer: PeerIdentity(role: role, id: "p", generation: .first),
        deadline: .now.advanced(by: .seconds(30)), traceID: String(repeating: "a", count: 32),
        payload: try envelope.serializedBytes()))
    return try Aimstors_ProtoResponse(serializedBytes: bytes)
  }

  @Test func `a cell that was put out of the deployment takes nothing into its spool`() async throws
  {
    let api = try TestAPI()
    var handler = handler(api)
    func store() async throws(Failure) -> [UInt8] {
      try await handler.handle(
        IncomingRequest(
          method: .spoolStore, peer: PeerIdentity(role: .router, id: "r", generation: .first),
          deadline: .now.advanced(by: .seconds(30)), traceID: "", payload: []))
    }
    handler.isOutcast = { true }
    do throws(Failure) {
      _ = try await store()
      Issue.record("it was stored where nobody looks")
    } catch { #expect(error.code == .forbidden) }
  }

  @Test func `a placement that is old, or newer than the cell knows, yields nothing`() async throws
  {
    let api = try TestAPI()
    let key = await api.makeKey()
    let bearer = [("authorization", "Bearer \(key)")]
    let handler = handler(api)
    #expect(try await send(handler, headers: bearer).status == 200)
    for epoch: UInt64 in [0, 4, 6, .max] {
      let answer = try await send(handler, epoch: epoch, headers: bearer)
      #expect(answer.hasMoved && answer.status == 0 && answer.body.isEmpty, "epoch \(epoch)")
    }
    // The tenant has moved away: its key opens nothing here any more, not even from memory.
    let moved = self.handler(api, Owned(epochs: [:]))
    let gone = try await send(moved, headers: bearer)
    #expect(gone.hasMoved && gone.moved.cell == "elsewhere" && gone.body.isEmpty)
    // It has come back under another epoch: what the cell remembered is read anew.
    let back = self.handler(api, Owned(epochs: ["t1": Epoch(7)]))
    #expect(try await send(back, epoch: 7, headers: bearer).status == 200)
    #expect(try await send(back, epoch: 5, headers: bearer).hasMoved)
  }

  @Test func `a tenant that left and came back without a key does not let it in`() async throws {
    let api = try TestAPI()
    let key = await api.makeKey()
    let text = try #require(APIKeyText(key))
    let keys = api.services.keys
    guard case .success = try await keys.admit(text, from: "", epoch: Epoch(1)) else {
      Issue.record("the key is good")
      return
    }
    // As a restore elsewhere would: the row is as it was before the key was made.
    try await api.services.store.write(TestAPI.tenant, .init(requestID: "", traceID: "")) { tx in
      _ = try tx.file(.sessions).run(
        "UPDATE api_keys SET revoked_at = ?", .integer(tx.now.milliseconds))
    }
    #expect(try await keys.admit(text, from: "", epoch: Epoch(2)) == .failure(.revoked))
    // And in place, where the epoch stays: the cell is told to forget.
    api.services.forget(TestAPI.tenant)
    #expect(try await keys.admit(text, from: "", epoch: Epoch(1)) == .failure(.revoked))
  }

  @Test func `only the control plane brings an operator's requests, whatever an envelope says`()
    async throws
  {
    let api = try TestAPI()
    let handler = handler(api)
    let forged = [("x-aimstors-operator", "ops"), ("authorization", "Bearer aop_x")]
    for role: PeerIdentity.Role in [.router, .cell, .follower, .tool] {
      await #expect(throws: Failure.self, "\(role)") {
        _ = try await send(
          handler, host: "admin", target: "/v1/tenants/t1/users", headers: forged, role: role)
      }
      for method: WireMethod in [
        .provision, .tenantState, .sendStop, .digest, .endImpersonation, .inventory, .work,
        .spoolQuery, .spoolRemove,
      ] {
        await #expect(throws: Failure.self, "\(method) from a \(role)") {
          _ = try await send(handler, method, headers: [], role: role)
        }
      }
    }
    // The header of an operator gives nothing on the hosts of tenants.
    for host in ["api", "app"] {
      let answer = try await send(handler, host: host, headers: [("x-aimstors-operator", "ops")])
      #expect(answer.status == 401, "\(host)")
    }
    // The control plane's request for one tenant does not reach another by its path.
    let crossed = try await send(
      handler, host: "admin", target: "/v1/tenants/t2/users", headers: forged,
      role: .controlPlane)
    #expect(crossed.status == 400)
  }

  @Test(arguments: [
    "..", "../t1", "..%2ft1", "t1/../t2", "/etc/passwd", "t1%00", ".", "_cell", "_platform", "t 1",
    "t1\u{0}", "тест", String(repeating: "a", count: 300), "",
  ])
  func `an identifier that is a path names nobody`(_ name: String) async throws {
    let api = try TestAPI()
    let key = await api.makeKey()
    let handler = handler(api)
    let answer = try await send(
      handler, tenant: name, headers: [("authorization", "Bearer \(key)")])
    #expect(answer.hasMoved && answer.body.isEmpty)
    let id = TenantID(name)
    #expect(id == nil || name.hasPrefix("_"), "\(name) would be a directory")
  }

  @Test func `a credential that was cut from one tenant and pasted to another opens nothing`()
    async throws
  {
    let api = try TestAPI()
    let key = try #require(APIKeyText(await api.makeKey()))
    let person = try await api.person("owner")
    // The other tenant's files hold the very same rows, as a fork's would.
    let other = TestAPI.otherTenant
    let pasted = APIKeyText(
      mode: key.mode, tenant: other, publicID: key.publicID, secret: key.secret)
    let answer = await api.api("GET", "/v1/contacts", bearer: pasted.text, tenant: other)
    #expect(answer.code == "unauthenticated", "there is no such key there")
    for bearer in [key.text, person.access] {
      let foreign = await api.api("GET", "/v1/contacts", bearer: bearer, tenant: other)
      #expect(foreign.code == "unauthenticated")
    }
    #expect(
      await api.api("POST", "/v1/sessions/refresh", bearer: person.refresh, tenant: other).code
        == "unauthenticated")
    // One letter of the tenant's name changed in the text: the checksum says so.
    let broken = key.text.replacing(key.publicID, with: String(key.publicID.reversed()))
    #expect(await api.api("GET", "/v1/contacts", bearer: broken).code == "unauthenticated")
    let log = await api.admin(
      "GET", "/v1/tenants/t2/audit", tenant: other)
    _ = log
    await api.services.identity.refusals.round()
    let seen = await api.admin("GET", "/v1/tenants/t2/alerts", tenant: other).list("data")
    #expect(seen.contains { $0["action"] as? String == "credential.foreign" })
  }

  @Test func `a fork inherits no credential, and its secrets are its own`() async throws {
    let api = try TestAPI()
    let key = try #require(APIKeyText(await api.makeKey()))
    let person = try await api.person("owner")
    let sealer = api.services.sealer
    // A fork: the same rows under another name, then what every fork's first command does.
    try await api.services.store.write(TestAPI.tenant, .init(requestID: "", traceID: "")) { tx in
      let id = try #require(RowID(person.id, .user))
      let users = try UsersStore(tx)
      var credentials = try users.credentials(of: id)
      let source = TenantID(trusted: "t0")
      credentials.totpSecret = sealer.seal(
        [1, 2, 3], owner: SignIn.totpOwner(source, id), nonce: tx.randomBytes(12))
      try users.set(credentials, of: id)
      try ForkedAccess(tx).close(of: source, by: "op_1", sealer)
      let sealed = try #require(try users.credentials(of: id).totpSecret)
      #expect(try sealer.open(sealed, owner: SignIn.totpOwner(tx.tenant, id)) == [1, 2, 3])
      #expect(throws: Failure.self) {
        try sealer.open(sealed, owner: SignIn.totpOwner(source, id))
      }
      // Run again after a restart it changes nothing.
      try ForkedAccess(tx).close(of: source, by: "op_1", sealer)
    }
    api.services.forget(TestAPI.tenant)
    #expect(await api.api("GET", "/v1/contacts", bearer: key.text).code == "unauthenticated")
    #expect(await api.api("GET", "/v1/me", bearer: person.access).code == "unauthenticated")
    #expect(await api.refresh(person.refresh).code == "unauthenticated")
    #expect(await api.audited().filter { $0 == "tenant.forked_from" }.count == 1)
  }

  @Test func `a suspended tenant is read and not written, and its people still sign in`()
    async throws
  {
    let api = try TestAPI()
    let key = await api.makeKey()
    let person = try await api.person("owner")
    for (state, code) in [
      (TenantState.suspended, "tenant_suspended"), (.readOnly, "tenant_read_only"),
    ] {
      api.gate.current.withLock { $0 = state }
      #expect(await api.api("GET", "/v1/contacts", bearer: key).status == 200)
      let contact = #"{"phone":"+15550001111","name":"Ana"}"#
      for bearer in [key, person.access] {
        #expect(await api.api("POST", "/v1/contacts", contact, bearer: bearer).code == code)
      }
      let made = await api.api(
        "POST", "/v1/api-keys", #"{"name":"x","scopes":["*"]}"#, bearer: person.access)
      #expect(made.code == code, "no credential is made meanwhile")
      #expect(await api.trySignIn(person.email, TestAPI.password).status == 201)
    }
  }
}
