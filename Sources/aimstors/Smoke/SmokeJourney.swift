import GraphSimulator

/// The journey: a paid broadcast through a failing Graph API, a kill -9 in its middle, replies to
/// two tenants, a mixed webhook while a cell is dead.
struct SmokeJourney {
  static let recipients = 1_000
  static let inboundPerTenant = 100
  static let singles = 20
  /// What one number has on its way to Graph at once: docs/decisions/0009.
  static let mostAmbiguous = 16
  /// How long the campaign, and then the last webhooks, may take.
  static let settleSeconds = 90

  let system: PrivateSystem
  let api: SmokeAPI
  var report = SmokeReport()
  private(set) var acceptedWhenKilled = 0
  private(set) var mixedWebhookAnswer = 0
  private(set) var acknowledgedMessages: [String] = []

  init(_ system: PrivateSystem) throws(CommandFailure) {
    self.system = system
    api = SmokeAPI(try system.local())
  }

  mutating func run() async throws(CommandFailure) {
    let started = ContinuousClock.now
    let local = try system.local()
    let numbers = local["phone_numbers"]?.array ?? []
    guard numbers.count >= 2 else {
      throw CommandFailure(.refused, code: "no_numbers", detail: "the simulator has no numbers")
    }
    let token = local.cell("graph_token")
    say("two tenants on two cells")
    let first = try await SmokeTenant.create(
      "smoke-a", cell: "cell-1", number: numbers[0], graphToken: token, api)
    let second = try await SmokeTenant.create(
      "smoke-b", cell: "cell-2", number: numbers[1], graphToken: token, api)
    _ = try await api.simulator(
      "PUT", "faults",
      [
        "seed": 7, "failure_rate": .double(0.05), "error_codes": [131026, 131050],
        "status_failure_rate": .double(0.05), "duplicate_rate": .double(0.1),
        "reorder_rate": .double(0.2), "delay_ms": [5, 80],
      ])
    let campaign = try await broadcast(first)
    try await inbound([first, second])
    try await killWhileRunning(first, campaign)
    try await singleMessages(first)
    try await mixedWebhook(first, second)
    await settle([first, second], campaign)
    try await count([first, second], campaign)
    let elapsed = (ContinuousClock.now - started).components
    report.seconds = Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18
    try await judge(first)
  }

  private func say(_ line: String) { Console.error("smoke: \(line)") }

  private mutating func broadcast(_ tenant: SmokeTenant) async throws(CommandFailure) -> String {
    say("a campaign to \(Self.recipients) recipients")
    let campaign = try await api.tenant(
      tenant.apiKey, "POST", "/v1/campaigns",
      [
        "name": "smoke", "number_id": JSON(tenant.numberID),
        "template": ["name": JSON(SmokeTenant.template), "language": JSON(SmokeTenant.language)],
      ], key: "smoke-campaign")
    let id = campaign.cell("id")
    let list: [JSON] = (0..<Self.recipients).map { index in
      let to = index % 2 == 0 ? "+4915112\(100_000 + index)" : "+336123\(10_000 + index)"
      return ["to": JSON(to), "parameters": [JSON("guest \(index)")]]
    }
    for page in 0..<2 {
      let half = Self.recipients / 2
      _ = try await api.tenant(
        tenant.apiKey, "POST", "/v1/campaigns/\(id)/recipients",
        [
          "page": JSON(page + 1),
          "recipients": .array(Array(list[page * half..<(page + 1) * half])),
        ],
        key: "smoke-page-\(page + 1)")
    }
    _ = try await api.tenant(
      tenant.apiKey, "POST", "/v1/campaigns/\(id)/start", [:], key: "smoke-start")
    return id
  }

  private mutating func inbound(_ tenants: [SmokeTenant]) async throws(CommandFailure) {
    say("\(tenants.count * Self.inboundPerTenant) incoming messages to both tenants")
    for index in 0..<Self.inboundPerTenant {
      for tenant in tenants {
        _ = try await api.simulator(
          "POST", "inbound",
          [
            "number": JSON(tenant.phoneNumberID), "from": JSON("+1212555\(1_000 + index)"),
            "message": JSON(tenant.inboundText(index)),
          ])
        report.inboundSent += 1
      }
    }
  }

  private mutating func killWhileRunning(
    _ tenant: SmokeTenant, _ campaign: String
  ) async throws(CommandFailure) {
    var accepted = 0
    let api = self.api
    try await PrivateSystem.wait("a part of the campaign is accepted", seconds: 60) {
      () throws(CommandFailure) in
      accepted = try await Self.count("accepted", campaign, tenant, api)
      return accepted > Self.recipients / 20
    }
    acceptedWhenKilled = accepted
    say("kill -9 of cell-1 after \(accepted) accepted")
    try system.kill("cell-1")
    report.kills += 1
  }

  /// Messages sent one by one while the cell restarts: each acknowledged one must be found again.
  private mutating func singleMessages(_ tenant: SmokeTenant) async throws(CommandFailure) {
    for index in 0..<Self.singles {
      let answer = try await api.tenant(
        tenant.apiKey, "POST", "/v1/messages",
        [
          "number_id": JSON(tenant.numberID), "to": JSON("+49152\(2_000_000 + index)"),
          "type": "template",
          "template": [
            "name": JSON(SmokeTenant.template), "language": ["code": JSON(SmokeTenant.language)],
            "components": [["type": "body", "parameters": [["type": "text", "text": "one"]]]],
          ],
        ], key: "smoke-single-\(index)")
      acknowledgedMessages.append(answer.cell("id"))
    }
  }

  /// One webhook body for both tenants and a number that nobody has, while one cell is dead.
  private mutating func mixedWebhook(
    _ first: SmokeTenant, _ second: SmokeTenant
  ) async throws(CommandFailure) {
    say("one webhook for both tenants and an unknown number, with cell-2 dead")
    system.freeze()
    defer { system.thaw() }
    try system.kill("cell-2")
    report.kills += 1
    let entries = [
      Self.entry(first.wabaID, first.phoneNumberID, "wamid.SMOKEMIXA", first.inboundText(1_000)),
      Self.entry(second.wabaID, second.phoneNumberID, "wamid.SMOKEMIXB", second.inboundText(1_000)),
      Self.entry("999", "888", "wamid.SMOKEMIXC", "to nobody"),
    ]
    let answer = try await api.simulator(
      "POST", "webhooks?wait=true",
      ["object": "whatsapp_business_account", "entry": .array(entries)])
    mixedWebhookAnswer = Int(answer["result"]?.integer ?? 0)
    report.inboundSent += 2
  }

  private static func entry(_ waba: String, _ number: String, _ id: String, _ text: String) -> JSON
  {
    [
      "id": JSON(waba),
      "changes": [
        [
          "field": "messages",
          "value": [
            "messaging_product": "whatsapp",
            "metadata": ["display_phone_number": "15550100", "phone_number_id": JSON(number)],
            "contacts": [["profile": ["name": "Mixed"], "wa_id": "12125550000"]],
            "messages": [
              [
                "from": "12125550000", "id": JSON(id), "timestamp": "1795435200", "type": "text",
                "text": ["body": JSON(text)],
              ]
            ],
          ],
        ]
      ],
    ]
  }

  private static func count(
    _ name: String, _ campaign: String, _ tenant: SmokeTenant, _ api: SmokeAPI
  ) async throws(CommandFailure) -> Int {
    let shown = try await api.tenant(tenant.apiKey, "GET", "/v1/campaigns/\(campaign)")
    return Int(shown["counts"]?[name]?.integer ?? 0)
  }
}
