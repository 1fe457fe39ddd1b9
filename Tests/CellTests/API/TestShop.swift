import Foundation
import Testing
import Wire

@testable import Cell

/// The cell's API with a number, a template, prices and money, all made through the API.
struct TestShop {
  let api: TestAPI
  let bearer: String
  let number: String

  init(funds: Int64 = 10_000, market: String = "*", over api: TestAPI? = nil) async throws {
    let api = try api ?? TestAPI()
    self.api = api
    bearer = await api.makeKey()
    let prices = """
      {"currency":"EUR","rates":[
      {"market":"\(market)","category":"marketing","valid_from":"2020-01-01T00:00:00Z",
      "amount_micros":1000},
      {"market":"\(market)","category":"service","valid_from":"2020-01-01T00:00:00Z",
      "amount_micros":400}]}
      """
    #expect(await api.admin("PUT", "/v1/tenants/t1/prices", prices).status == 200)
    let topUp = #"{"amount_micros":\#(funds),"currency":"EUR","reference":"first"}"#
    #expect(await api.admin("POST", "/v1/tenants/t1/wallet/top-ups", topUp).status == 201)
    let template =
      #"{"category":"MARKETING","components":[{"type":"BODY","text":"Hi {{1}}, you"}]}"#
    #expect(
      await api.api("PUT", "/v1/templates/hello/en_US", template, bearer: bearer).status == 200)
    let connect =
      #"{"phone_number_id":"106","waba_id":"7","access_token":"good","meta_app":"default"}"#
    let made = await api.api("POST", "/v1/numbers", connect, bearer: bearer)
    number = try #require(made.text("id"))
  }

  func get(_ target: String) async -> TestAPI.Answer {
    await api.api("GET", target, bearer: bearer)
  }

  func post(_ target: String, _ body: String = "", key: String? = nil) async -> TestAPI.Answer {
    await api.api("POST", target, body, bearer: bearer, key: key)
  }

  func text(to: String = "+16505551234") -> String {
    #"{"number_id":"\#(number)","to":"\#(to)","type":"text","text":{"body":"hi"}}"#
  }

  func campaign() async throws -> String {
    let body =
      #"{"name":"c","number_id":"\#(number)","template":{"name":"hello","language":"en_US"}}"#
    let made = await post("/v1/campaigns", body)
    #expect(made.status == 201)
    return try #require(made.text("id"))
  }

  func addRecipients(
    _ campaign: String, page: Int = 0, _ people: [String], key: String? = nil
  ) async -> TestAPI.Answer {
    let list = people.map { #"{"to":"\#($0)","parameters":["Ana"]}"# }.joined(separator: ",")
    return await post(
      "/v1/campaigns/\(campaign)/recipients", #"{"page":\#(page),"recipients":[\#(list)]}"#,
      key: key)
  }

  /// One turn of the outbox: everything that waits is claimed.
  @discardableResult
  func turn(_ results: [SendResult] = []) async throws -> [SendJob] {
    let configuration = OutboxConfiguration()
    let look = try await api.services.store.read(TestAPI.tenant, [.messages]) { snapshot in
      try OutboxReading(configuration: configuration, gate: OpenSendGate()).look(
        snapshot, excluding: [], limit: 16, inFlight: [])
    }
    let sealer = api.services.sealer
    return try await api.services.store.write(TestAPI.tenant, Shop.origin) { tx in
      try OutboxCommands(
        tx, sealer: sealer, gate: OpenSendGate(), configuration: configuration
      ).turn(results, look.candidates.map { SendClaim(candidate: $0, deferredTo: nil) })
    }.jobs
  }

  /// Delivers one webhook value.
  func webhook(_ value: String, field: String = "messages") async throws {
    var change = Aimstors_ProtoWebhookChange()
    change.wabaID = "7"
    change.field = field
    change.phoneNumberID = field == "messages" ? "106" : ""
    change.value = Data(value.utf8)
    var part = Aimstors_ProtoWebhookPart()
    part.tenant = TestAPI.tenant.rawValue
    part.receivedAtMs = api.clock.milliseconds()
    part.changes = [change]
    try await WebhookIntake(store: api.services.store, wakeOutbox: { _ in }).accept(part)
  }
}

extension TestAPI.Answer {
  func object(_ key: String) -> [String: any Sendable] {
    json[key] as? [String: any Sendable] ?? [:]
  }
  func objects(_ key: String) -> [[String: any Sendable]] {
    json[key] as? [[String: any Sendable]] ?? []
  }
  /// The members `key` of the objects of a list's `data`.
  func texts(_ key: String) -> [String] { objects("data").compactMap { $0[key] as? String } }
}

extension [String: any Sendable] {
  func integer(_ key: String) -> Int64? { (self[key] as? NSNumber)?.int64Value }
}
