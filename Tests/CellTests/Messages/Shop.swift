import Edge
import Foundation
import Logging
import Platform
import Simulation
import Storage
import Synchronization
import Wire

@testable import Cell

/// A tenant with a number, a template, prices and money, on real SQLite in memory.
struct Shop {
  static let tenant = TenantID(trusted: "t1")
  static let number = "106540352242922"
  static let waba = "102290129340398"
  static let price: Int64 = 1_000

  let store: DirectTenants
  let clock = SimulatedWallClock()
  let sealer = Sealer(key: [UInt8](repeating: 7, count: 32))
  let numberID: RowID

  init(seed: UInt64 = 1, funds: Int64 = 10_000_000, category: String = "MARKETING") async throws {
    store = DirectTenants(
      schema: CellSchema.schema, clock: clock, random: SeededRandomSource(seed: seed))
    try store.create(Self.tenant)
    let sealer = sealer
    numberID = try await store.write(Self.tenant, Self.origin) { tx in
      let eur = Currency("EUR") ?? Books.eur
      if funds > 0 {
        _ = try Ledger(tx).topUp(Micros(funds), currency: eur, reference: "first")
      }
      let rates = MessageCategory.allCases.map {
        Rate(market: .any, category: $0, validFrom: .zero, amount: Micros(Self.price))
      }
      _ = try Prices(tx).replace(rates, currency: eur)
      let template =
        #"{"category":"\#(category)","components":[{"type":"BODY","text":"Hi {{1}} you"}]}"#
      _ = try Templates(tx).put(
        TemplateInput(name: "hello", language: "en_US", body: Array(template.utf8)))
      return try Self.connect(Self.number, tx, sealer)
    }
  }

  static let origin = CommandOrigin(requestID: "r", traceID: "t")

  static func connect(_ number: String, _ tx: Transaction, _ sealer: Sealer) throws -> RowID {
    let json = """
      {"phone_number_id":"\(number)","waba_id":"\(waba)","access_token":"secret",
       "meta_app":"default"}
      """
    let graph = #"{"id":"\#(number)","display_phone_number":"15550783881"}"#
    return try Numbers(tx).connect(
      EdgeJSON.decode(NumberInput.self, from: Array(json.utf8)),
      JSONDecoder().decode(GraphPhoneNumber.self, from: Data(graph.utf8)), sealer
    ).id
  }

  func write<T: Sendable>(
    _ body: @escaping @Sendable (Transaction) throws -> T
  ) async throws -> T { try await store.write(Self.tenant, Self.origin, body) }

  func read<T: Sendable>(
    _ body: @escaping @Sendable (Snapshot) throws -> T
  ) async throws -> T { try await store.read(Self.tenant, [.messages, .ledger], body) }

  func send(_ json: String) async throws -> RowID {
    let body = json.replacing("NUMBER", with: numberID.text(.number))
    return try await write { tx in
      try MessageCommands(tx).send(OutboundMessage(Array(body.utf8))).message.id
    }
  }

  /// A campaign with recipients +15550000000 and on, started.
  func campaign(recipients: Int, start: Bool = true) async throws -> RowID {
    let number = numberID.text(.number)
    return try await write { tx in
      let json = """
        {"name":"c","number_id":"\(number)","template":{"name":"hello","language":"en_US"}}
        """
      let commands = try CampaignCommands(tx)
      let id = try commands.create(
        EdgeJSON.decode(CampaignInput.self, from: Array(json.utf8))
      ).id
      let people = (0..<recipients).map { #"{"to":"+\#(15_550_000_000 + $0)","parameters":["A"]}"# }
      let page = try RecipientPage(
        Array(#"{"page":0,"recipients":[\#(people.joined(separator: ","))]}"#.utf8),
        parameters: ["1"], isNamed: false)
      try commands.add(page.entries, chunk: 0, of: page, isLast: true, to: id)
      if start { try commands.start(id, CampaignStart([])) }
      return id
    }
  }

  func turn(_ results: [SendResult] = [], claim limit: Int = 16) async throws -> [SendJob] {
    let sealer = sealer
    let configuration = OutboxConfiguration()
    let look = try await read { snapshot in
      try OutboxReading(configuration: configuration, gate: OpenSendGate()).look(
        snapshot, excluding: [], limit: limit, inFlight: [])
    }
    return try await write { tx in
      try OutboxCommands(
        tx, sealer: sealer, gate: OpenSendGate(), configuration: configuration
      ).turn(
        results, look.candidates.prefix(limit).map { SendClaim(candidate: $0, deferredTo: nil) })
    }.jobs
  }

  func standing(_ id: RowID) async throws -> MessageLifecycle? {
    try await read { try MessageStore($0.file(.messages)).standing(id)?.lifecycle }
  }

  func balances() async throws -> WalletBalances {
    try await write { try Ledger($0).balances() }
  }

  func tally(_ id: RowID) async throws -> CampaignTally {
    try await read { try CampaignStore($0.file(.messages)).tally(id) ?? CampaignTally() }
  }

  func state(_ id: RowID) async throws -> CampaignState? {
    try await read { try CampaignStore($0.file(.messages)).standing(id)?.state }
  }

  var intake: WebhookIntake { WebhookIntake(store: store, wakeOutbox: { _ in }) }

  /// Delivers one `messages` value.
  func webhook(_ value: String, field: String = "messages") async throws {
    var change = Aimstors_ProtoWebhookChange()
    change.wabaID = Self.waba
    change.field = field
    change.phoneNumberID = field == "messages" ? Self.number : ""
    change.value = Data(value.utf8)
    var part = Aimstors_ProtoWebhookPart()
    part.tenant = Self.tenant.rawValue
    part.receivedAtMs = clock.milliseconds()
    part.changes = [change]
    try await intake.accept(part)
  }

  func status(
    _ wamid: String, _ status: String, callback: RowID? = nil, code: Int? = nil,
    pricing: String? = nil
  ) async throws {
    let data = callback.map { #","biz_opaque_callback_data":"\#($0.text(.message))""# } ?? ""
    let errors = code.map { #","errors":[{"code":\#($0),"title":"x"}]"# } ?? ""
    let rest = errors + (pricing.map { #","pricing":\#($0)"# } ?? "")
    try await webhook(
      #"{"statuses":[{"id":"\#(wamid)","status":"\#(status)","timestamp":"1795435201""#
        + "\(data)\(rest)}]}"
    )
  }

  static func accepted(_ job: SendJob) -> SendResult {
    SendResult(
      id: job.id, phoneNumberID: job.number.phoneNumberID,
      outcome: .accepted(wamid: "wamid.\(job.id.rawValue)", waID: nil, messageStatus: nil))
  }

  static func refused(_ job: SendJob, _ code: Int) -> SendResult {
    SendResult(
      id: job.id, phoneNumberID: job.number.phoneNumberID,
      outcome: .refused(GraphError(code: code, title: "t", httpStatus: 400)))
  }

  static let text =
    #"{"number_id":"NUMBER","to":"+16505551234","type":"text","text":{"body":"hi"}}"#
}
