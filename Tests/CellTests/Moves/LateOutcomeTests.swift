import Foundation
import Platform
import Simulation
import Storage
import Testing
import Wire

@testable import Cell

/// Outcomes that another cell was told, for intents that moved with their tenant.
@Suite("Late outcomes") struct LateOutcomeTests {
  private static let tenant = Shop.tenant
  private static let price: Int64 = 1_000
  private static let refusal = GraphError(code: 131_026, title: "undeliverable")
  private static let tooFast = GraphError(code: 130_429, title: "too fast")

  private static func commands(_ tx: Transaction) throws -> OutboxCommands {
    try OutboxCommands(
      tx, sealer: Sealer(key: [UInt8](repeating: 7, count: 32)), gate: OpenSendGate(),
      configuration: OutboxConfiguration())
  }

  /// A tenant with one message whose intent is open; as its new owner sees it.
  private static func withIntent(
    _ body: (DirectTenants, RowID) async throws -> Void
  ) async throws {
    let store = DirectTenants(
      schema: CellSchema.schema, clock: SimulatedWallClock(), random: SeededRandomSource(seed: 1))
    try store.create(tenant)
    let sealer = Sealer(key: [UInt8](repeating: 7, count: 32))
    let id = try await store.write(tenant, Shop.origin) { tx in
      _ = try Ledger(tx).topUp(Micros(100 * price), currency: Books.eur, reference: "first")
      let rates = [
        Rate(market: .any, category: .service, validFrom: .zero, amount: Micros(price))
      ]
      _ = try Prices(tx).replace(rates, currency: Books.eur)
      let number = try Shop.connect(Shop.number, tx, sealer).text(.number)
      let json =
        #"{"number_id":"\#(number)","to":"+16505551234","type":"text","text":{"body":"hi"}}"#
      return try MessageCommands(tx).send(OutboundMessage(Array(json.utf8))).message.id
    }
    let configuration = OutboxConfiguration()
    let look = try await store.read(tenant, [.messages]) { snapshot in
      try OutboxReading(configuration: configuration, gate: OpenSendGate()).look(
        snapshot, excluding: [], limit: 16, inFlight: [])
    }
    let claims = look.candidates.map { SendClaim(candidate: $0, deferredTo: nil) }
    let jobs = try await store.write(tenant, Shop.origin) { try commands($0).turn([], claims) }.jobs
    try #require(jobs.map(\.id) == [id])
    // The new owner made no request of its own: to it the intent is an orphan.
    try await store.write(tenant, Shop.origin) { _ = try commands($0).housekeep(inFlight: []) }
    try await body(store, id)
  }

  private static func tell(
    _ store: DirectTenants, _ id: RowID, _ outcome: SendOutcome
  ) async throws {
    try await store.write(tenant, Shop.origin) { tx in
      try commands(tx).late(
        SendResult(id: id, phoneNumberID: Shop.number, outcome: outcome))
    }
  }

  private static func state(_ store: DirectTenants, _ id: RowID) async throws -> MessageState? {
    try await store.read(tenant, [.messages]) { snapshot in
      try MessageStore(snapshot.file(.messages)).standing(id)?.lifecycle.state
    }
  }

  /// What can still be sent.
  private static func candidates(_ store: DirectTenants) async throws -> Int {
    try await store.read(tenant, [.messages]) { snapshot in
      try OutboxReading(configuration: OutboxConfiguration(), gate: OpenSendGate()).look(
        snapshot, excluding: [], limit: 16, inFlight: []
      ).candidates.count
    }
  }

  @Test func `an acceptance charges it, however often it is told`() async throws {
    try await Self.withIntent { store, id in
      #expect(try await Self.state(store, id) == .ambiguous)
      for _ in 0..<2 {
        try await Self.tell(
          store, id, .accepted(wamid: "wamid.1", waID: nil, messageStatus: nil))
        #expect(try await Self.state(store, id) == .accepted)
      }
    }
  }

  @Test func `a refusal for good fails it and frees its money`() async throws {
    try await Self.withIntent { store, id in
      for _ in 0..<2 {
        try await Self.tell(store, id, .refused(Self.refusal))
        #expect(try await Self.state(store, id) == .failed)
      }
      #expect(try await Self.candidates(store) == 0)
    }
  }

  @Test(arguments: [
    SendOutcome.notSent(reason: "no connection"), .refused(tooFast), .ambiguous(reason: "timeout"),
  ])
  func `nothing is tried again for it`(_ outcome: SendOutcome) async throws {
    try await Self.withIntent { store, id in
      try await Self.tell(store, id, outcome)
      #expect(try await Self.state(store, id) == .ambiguous)
      #expect(try await Self.candidates(store) == 0)
    }
  }

  @Test func `an outcome that was not known is what it was, over the wire`() {
    let outcomes: [SendOutcome] = [
      .accepted(wamid: "w", waID: "1", messageStatus: "accepted"),
      .accepted(wamid: "w", waID: nil, messageStatus: nil), .refused(Self.refusal),
      .refused(GraphError(code: 1, subcode: 2, title: "t", isTransient: true, httpStatus: 500)),
      .ambiguous(reason: "r"), .notSent(reason: "r"),
    ]
    for outcome in outcomes {
      let result = SendResult(id: RowID(77), phoneNumberID: "n", outcome: outcome)
      #expect(LateOutcomes.result(LateOutcomes.message(Self.tenant, Epoch(2), result)) == result)
    }
  }
}
