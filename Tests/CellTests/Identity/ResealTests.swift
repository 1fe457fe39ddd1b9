import Cryptography
import Logging
import Simulation
import Storage
import Testing
import Trust
import Wire

@testable import Cell

@Suite("Keys of secrets at rest") struct ResealTests {
  private static let old = [UInt8](repeating: 1, count: 32)
  private static let new = [UInt8](repeating: 2, count: 32)
  private let tenant = TenantID(trusted: "t1")

  @Test func `a rotation opens what was sealed before, and leaves audit keys as they are`() throws {
    let ring = KeyRing(.init(sealing: [Self.old]))
    let sealer = Sealer(ring)
    let nonce = [UInt8](repeating: 0, count: 12)
    let sealed = sealer.seal([7], owner: "t1/x", nonce: nonce)
    let audit = sealer.auditKey(of: tenant).verifying.bytes
    #expect(sealer.isCurrent(sealed))
    #expect(ring.replace(with: .init(sealing: [Self.new, Self.old], auditRoot: Self.old)))
    #expect(!ring.replace(with: .init(sealing: [Self.new, Self.old], auditRoot: Self.old)))
    #expect(!sealer.isCurrent(sealed))
    #expect(try sealer.open(sealed, owner: "t1/x") == [7])
    let again = sealer.seal([7], owner: "t1/x", nonce: nonce)
    // The old key leaves: what was sealed anew opens, the rest does not, and logs go on.
    ring.replace(with: .init(sealing: [Self.new], auditRoot: Self.old))
    #expect(try sealer.open(again, owner: "t1/x") == [7])
    #expect(throws: Failure.self) { try sealer.open(sealed, owner: "t1/x") }
    #expect(sealer.auditKey(of: tenant).verifying.bytes == audit)
    #expect(throws: Failure.self) { try sealer.open(again, owner: "t2/x") }
  }

  @Test func `every secret of a tenant is sealed anew while it is served`() async throws {
    let shop = try await TestShop()
    let api = shop.api
    let owner = try await api.person("owner")
    _ = await api.api("POST", "/v1/me/totp", bearer: owner.access)
    _ = await api.api(
      "PUT", "/v1/alert-channels/webhook",
      #"{"url":"https://example.com/","secret":"0123456789abcdef"}"#, bearer: owner.access)
    _ = await api.app(
      "POST", "/t/x/v1/password-resets", #"{"email":"\#(owner.email)"}"#)
    let sealer = api.services.sealer
    func places(_ isOld: Bool) async throws -> Int {
      try await api.services.store.read(tenant, [.sessions, .messages]) { snapshot in
        try ResealStore(snapshot).entries().count { sealer.isCurrent($0.sealed) != isOld }
      }
    }
    let all = try await places(false)
    #expect(all >= 4, "number, second factor, letter, alert channel")
    let before = sealer.ring.keys
    sealer.ring.replace(
      with: .init(sealing: [Self.new] + before.sealing, auditRoot: before.sealing.last))
    #expect(try await places(true) == all)
    let store = try SpoolToo(api.services.store)
    let resealing = Resealing(
      store: store, sealer: sealer,
      directives: Directives(
        store: store, cell: CellID(trusted: "c1"), region: RegionID(trusted: "r1")),
      logger: Logger(label: "test"), tenants: { [tenant] in [tenant] })
    await resealing.round()
    #expect(resealing.standing.left == 0 && resealing.standing.resealed == Int64(all))
    #expect(try await places(true) == 0)
    await resealing.round()
    #expect(resealing.standing.resealed == Int64(all), "done is done")
    // Only the newest key is left: everything still works.
    sealer.ring.replace(with: .init(sealing: [Self.new], auditRoot: before.sealing.last))
    await api.services.identity.letters.round()
    #expect(api.mailbox.token(to: owner.email) != nil)
    await api.services.identity.alerts.round()
    #expect(!api.hook.posts.isEmpty)
    let sent = await shop.post("/v1/messages", shop.text())
    #expect(sent.status == 202)
    #expect(try await shop.turn().first?.number.accessToken == "good")
  }
}

/// The tenants of a test, with a cell's own store beside them.
private struct SpoolToo: TenantStore {
  private let base: any TenantStore
  private let cell: DirectTenants

  init(_ base: any TenantStore) throws {
    self.base = base
    cell = DirectTenants(
      schema: CellStoreSchema.schema, clock: SimulatedWallClock(),
      random: SeededRandomSource(seed: 3))
    try cell.create(.cellStore)
  }

  private func store(of tenant: TenantID) -> any TenantStore {
    tenant == .cellStore ? cell : base
  }

  func write<T: Sendable>(
    _ tenant: TenantID, _ origin: CommandOrigin,
    _ body: @escaping @Sendable (Transaction) throws -> T
  ) async throws(Failure) -> T { try await store(of: tenant).write(tenant, origin, body) }

  func perform(
    _ tenant: TenantID, _ origin: CommandOrigin, _ claim: IdempotencyClaim,
    _ body: @escaping @Sendable (Transaction) throws -> StoredAnswer
  ) async throws(Failure) -> StoredAnswer {
    try await store(of: tenant).perform(tenant, origin, claim, body)
  }

  func read<T: Sendable>(
    _ tenant: TenantID, _ files: Set<FileKind>,
    _ body: @escaping @Sendable (Snapshot) throws -> T
  ) async throws(Failure) -> T { try await store(of: tenant).read(tenant, files, body) }
}
