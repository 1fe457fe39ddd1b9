import Foundation
import Simulation
import Storage
import Synchronization
import Testing
import Wire

@testable import Cell

/// What waits in a mailbox is counted with what it holds in memory, or a tenant's 8 MiB and a
/// cell's 256 MiB would bound nothing; and it is dropped when nobody waits for it any more.
@Suite("What commands hold") struct CommandBytesTests {
  @Test func `a command is counted with its request's body, and knows its deadline`()
    async throws
  {
    let api = try TestAPI()
    let bearer = await api.makeKey()
    let body = #"{"phone":"+15550001111","name":"\#(String(repeating: "x", count: 60))"}"#
    #expect(await api.api("POST", "/v1/contacts", body, bearer: bearer).status == 201)
    let contactDeadline = try #require(api.lastDeadline)
    let topUp = #"{"amount_micros":1000000,"currency":"EUR","reference":"bank-1"}"#
    #expect(await api.admin("POST", "/v1/tenants/t1/wallet/top-ups", topUp).status == 201)
    let topUpDeadline = try #require(api.lastDeadline)
    for (text, deadline) in [(body, contactDeadline), (topUp, topUpDeadline)] {
      let origins = api.log.origins.filter {
        $0.bytes == CommandOrigin.ownBytes + text.utf8.count
      }
      #expect(!origins.isEmpty, "\(text)")
      #expect(origins.allSatisfy { $0.deadline == deadline }, "\(text)")
    }
  }

  @Test func `a webhook part is counted with its values, and knows its deadline`() async throws {
    let shop = try await Shop()
    let store = OriginLog(shop.store)
    var change = Aimstors_ProtoWebhookChange()
    change.wabaID = Shop.waba
    change.field = "messages"
    change.phoneNumberID = Shop.number
    let text = String(repeating: "x", count: 50_000)
    let message = #"{"id":"wamid.1","from":"15550001111","type":"text","text":{"body":"\#(text)"}}"#
    change.value = Data(#"{"messages":[\#(message)]}"#.utf8)
    var part = Aimstors_ProtoWebhookPart()
    part.tenant = Shop.tenant.rawValue
    part.changes = [change]
    let deadline = ContinuousClock.now + .seconds(5)
    try await WebhookIntake(store: store, wakeOutbox: { _ in }).accept(part, deadline: deadline)
    #expect(store.origins.map(\.bytes) == [CommandOrigin.ownBytes + message.utf8.count])
    #expect(store.origins.map(\.deadline) == [deadline])
  }

  @Test func `a spooled part is counted by its chunks, and knows its deadline`() async throws {
    let tenants = DirectTenants(
      schema: CellStoreSchema.schema, clock: SimulatedWallClock(),
      random: SeededRandomSource(seed: 1))
    try tenants.create(.cellStore)
    let store = OriginLog(tenants)
    var part = Aimstors_ProtoSpoolPart()
    part.body = Data(count: 2_500_000)
    let deadline = ContinuousClock.now + .seconds(5)
    _ = try await Spool(store: store).accept(part, trace: "", deadline: deadline)
    #expect(store.origins.count == 3)
    for origin in store.origins {
      #expect(origin.bytes == CommandOrigin.ownBytes + Spool.chunkBytes)
      #expect(origin.deadline == deadline)
    }
  }
}

/// A store that notes where its commands come from.
final class OriginLog: TenantStore {
  private let store: any TenantStore
  private let seen = Mutex<[CommandOrigin]>([])

  init(_ store: any TenantStore) { self.store = store }

  var origins: [CommandOrigin] { seen.withLock { $0 } }

  func write<T: Sendable>(
    _ tenant: TenantID, _ origin: CommandOrigin,
    _ body: @escaping @Sendable (Transaction) throws -> T
  ) async throws(Failure) -> T {
    seen.withLock { $0.append(origin) }
    return try await store.write(tenant, origin, body)
  }

  func perform(
    _ tenant: TenantID, _ origin: CommandOrigin, _ claim: IdempotencyClaim,
    _ body: @escaping @Sendable (Transaction) throws -> StoredAnswer
  ) async throws(Failure) -> StoredAnswer {
    seen.withLock { $0.append(origin) }
    return try await store.perform(tenant, origin, claim, body)
  }

  func read<T: Sendable>(
    _ tenant: TenantID, _ files: Set<FileKind>,
    _ body: @escaping @Sendable (Snapshot) throws -> T
  ) async throws(Failure) -> T { try await store.read(tenant, files, body) }
}
