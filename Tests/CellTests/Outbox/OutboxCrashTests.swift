import Foundation
import Platform
import Simulation
import Storage
import Testing
import Wire

@testable import Cell

/// The outbox on the storage engine, stopped dead between claim and record.
@Suite("Outbox crashes") struct OutboxCrashTests {
  private static let tenant = Shop.tenant
  private static let price: Int64 = 1_000

  @Test func `after a crash between claim and record nothing is sent twice`() async throws {
    let root = FileManager.default.temporaryDirectory
      .appendingPathComponent("aimstors-outbox-\(UUID().uuidString)").path
    let image = root + "-image"
    defer {
      try? FileManager.default.removeItem(atPath: root)
      try? FileManager.default.removeItem(atPath: image)
    }
    let clock = SimulatedWallClock()
    let engine = try await Self.open(root, clock)
    try await engine.create(Self.tenant, epoch: .first)
    let messages = try await Self.sendTwo(engine)
    let jobs = try await Self.turn(engine)
    #expect(Set(jobs.map(\.id)) == Set(messages))
    // The claim is durable and both requests may have left: the machine stops here. Only what is
    // on the disk now goes on; no outcome was written.
    try FileManager.default.copyItem(atPath: root, toPath: image)
    await engine.close()

    let reopened = try await Self.open(image, clock)
    for _ in 0..<3 {
      try await Self.housekeep(reopened)
      #expect(try await Self.turn(reopened).isEmpty)
      clock.advance(milliseconds: 3_600_000)
    }
    for id in messages { #expect(try await Self.state(reopened, id) == .ambiguous) }
    #expect(try await Self.held(reopened) == 2 * Self.price)
    #expect(try await Self.audit(reopened).violations == [])

    // Graph had taken the first; of the second nothing is ever heard.
    try await Self.status(reopened, messages[0], clock)
    #expect(try await Self.state(reopened, messages[0]) == .delivered)
    #expect(try await Self.held(reopened) == Self.price)
    #expect(try await Self.turn(reopened).isEmpty)
    clock.advance(milliseconds: 30 * 86_400_000)
    try await Self.housekeep(reopened)
    #expect(try await Self.state(reopened, messages[1]) == .expired)
    #expect(try await Self.held(reopened) == 0)
    let audit = try await Self.audit(reopened)
    #expect(audit.violations == [])
    #expect(audit.balances[3] == Self.price)
    #expect(try await Self.turn(reopened).isEmpty)
    await reopened.close()
  }

  // MARK: - The tenant

  private static func sendTwo(_ engine: StorageEngine) async throws -> [RowID] {
    let sealer = Sealer(key: [UInt8](repeating: 7, count: 32))
    return try await engine.write(tenant, Shop.origin) { tx in
      _ = try Ledger(tx).topUp(Micros(100 * price), currency: Books.eur, reference: "first")
      let rates = [
        Rate(market: .any, category: .service, validFrom: .zero, amount: Micros(price))
      ]
      _ = try Prices(tx).replace(rates, currency: Books.eur)
      let number = try Shop.connect(Shop.number, tx, sealer).text(.number)
      return try ["+16505551234", "+16505551235"].map { to in
        let json =
          #"{"number_id":"\#(number)","to":"\#(to)","type":"text","text":{"body":"hi"}}"#
        return try MessageCommands(tx).send(OutboundMessage(Array(json.utf8))).message.id
      }
    }
  }

  private static func turn(_ engine: StorageEngine) async throws -> [SendJob] {
    let configuration = OutboxConfiguration()
    let look = try await engine.read(tenant, [.messages]) { snapshot in
      try OutboxReading(configuration: configuration, gate: OpenSendGate()).look(
        snapshot, excluding: [], limit: 16, inFlight: [])
    }
    return try await engine.write(tenant, Shop.origin) { tx in
      try commands(tx).turn(
        [], look.candidates.map { SendClaim(candidate: $0, deferredTo: nil) })
    }.jobs
  }

  private static func housekeep(_ engine: StorageEngine) async throws {
    _ = try await engine.write(tenant, Shop.origin) { tx in
      try commands(tx).housekeep(inFlight: [])
    }
  }

  private static func commands(_ tx: Transaction) throws -> OutboxCommands {
    try OutboxCommands(
      tx, sealer: Sealer(key: [UInt8](repeating: 7, count: 32)), gate: OpenSendGate(),
      configuration: OutboxConfiguration())
  }

  private static func status(
    _ engine: StorageEngine, _ id: RowID, _ clock: SimulatedWallClock
  ) async throws {
    var change = Aimstors_ProtoWebhookChange()
    change.wabaID = Shop.waba
    change.field = "messages"
    change.phoneNumberID = Shop.number
    let value =
      #"{"statuses":[{"id":"wamid.1","status":"delivered","timestamp":"1795435201","#
      + #""biz_opaque_callback_data":"\#(id.text(.message))"}]}"#
    change.value = Data(value.utf8)
    var part = Aimstors_ProtoWebhookPart()
    part.tenant = tenant.rawValue
    part.receivedAtMs = clock.milliseconds()
    part.changes = [change]
    try await WebhookIntake(store: engine, wakeOutbox: { _ in }).accept(part)
  }

  private static func state(_ engine: StorageEngine, _ id: RowID) async throws -> MessageState? {
    try await engine.read(tenant, [.messages]) {
      try MessageStore($0.file(.messages)).standing(id)?.lifecycle.state
    }
  }

  private static func held(_ engine: StorageEngine) async throws -> Int64 {
    try await engine.read(tenant, [.ledger]) {
      try LedgerStore($0.file(.ledger)).balances().held.rawValue
    }
  }

  private static func audit(_ engine: StorageEngine) async throws -> LedgerAudit {
    try await engine.read(tenant, [.ledger]) { try LedgerAudit($0.file(.ledger)) }
  }

  private static func open(
    _ directory: String, _ clock: SimulatedWallClock
  ) async throws -> StorageEngine {
    var configuration = EngineConfiguration(directory: directory, cell: CellID(trusted: "c1"))
    // Nothing is flushed by itself: what reopens comes out of the journal.
    configuration.flushInterval = .seconds(3_600)
    configuration.adjustJournal = {
      $0.segmentBytes = 32 * 1_024 * 1_024
      $0.reserveBytes = 0
    }
    let engine = StorageEngine(
      configuration, clock: clock, random: SeededRandomSource(seed: 3), files: LiveFileSystem(),
      schema: { _ in CellSchema.schema }, fatal: { Issue.record("journal died: \($0)") })
    _ = try await engine.start()
    return engine
  }
}
