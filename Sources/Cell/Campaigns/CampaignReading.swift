import Storage
import Wire

/// Campaigns in their public form, over writing or reading connections.
struct CampaignReading {
  private let store: CampaignStore
  private let queue: CampaignQueueStore
  private let report: CampaignReportStore
  private let ledger: LedgerStore

  init(messages: Connection, ledger: Connection) {
    store = CampaignStore(messages)
    queue = CampaignQueueStore(messages)
    report = CampaignReportStore(messages)
    self.ledger = LedgerStore(ledger)
  }

  func list(before: RowID?, limit: Int) throws -> [Campaign] {
    try store.list(before: before, limit: limit)
  }

  func json(_ id: RowID) throws -> [UInt8] {
    guard let campaign = try store.campaign(id) else {
      throw Failure(.notFound, "there is no such campaign")
    }
    return try json(campaign)
  }

  func json(_ campaign: Campaign) throws -> [UInt8] {
    let standing = try store.standing(campaign.id)
    let tally = try store.tally(campaign.id) ?? CampaignTally()
    let launch = try store.launch(campaign.id)
    let held = try launch.flatMap { try ledger.hold($0.hold)?.remaining } ?? .zero
    let currency = try ledger.currency()
    let reason = standing.flatMap(Self.reason)
    return JSONWriter.object { json in
      json.add("id", campaign.id.text(.campaign))
      json.add("name", campaign.name)
      json.add("number_id", campaign.number.text(.number))
      json.add("phone_number_id", campaign.phoneNumberID)
      json.add(
        "template",
        raw: JSONWriter.object { json in
          json.add("name", campaign.template)
          json.add("language", campaign.language)
          json.add("version", launch?.templateVersion)
        })
      json.add("state", standing?.state.name)
      json.add("since", standing?.since)
      json.add("scheduled_at", standing?.scheduledAt)
      json.add("reason", raw: reason)
      json.add("hold_micros", launch?.amount.rawValue ?? 0)
      json.add("counts", raw: Self.counts(tally, isCancelled: standing?.state == .cancelled))
      json.add("money", raw: Self.money(tally, held: held, currency: currency))
      json.add("created_at", campaign.at)
    }
  }

  /// Whom a cancelled campaign did not come to waits for nothing.
  private static func counts(_ tally: CampaignTally, isCancelled: Bool) -> [UInt8] {
    let unclaimed = tally.recipients - tally.claimed
    return JSONWriter.object { json in
      json.add("recipients", tally.recipients)
      json.add("queued", (isCancelled ? 0 : unclaimed) + tally.waiting + tally.sending)
      json.add("sending", tally.sending)
      json.add("accepted", tally.accepted)
      json.add("delivered", tally.delivered)
      json.add("read", tally.read)
      json.add("failed", tally.failed)
      json.add("ambiguous", tally.ambiguous)
      json.add("suppressed", tally.suppressed)
      json.add("cancelled", tally.cancelled + (isCancelled ? unclaimed : 0))
    }
  }

  private static func money(
    _ tally: CampaignTally, held: Micros, currency: Currency?
  ) -> [UInt8] {
    JSONWriter.object { json in
      json.add("currency", currency?.code)
      json.add("held_micros", held.rawValue)
      json.add("captured_micros", tally.captured)
      json.add("released_micros", tally.released)
      json.add("refunded_micros", tally.refunded)
    }
  }

  private static func reason(_ standing: CampaignStanding) -> [UInt8]? {
    guard standing.state == .paused, let reason = standing.reason else { return nil }
    return JSONWriter.object { json in
      json.add("code", standing.reasonCode.map { Int64($0) })
      json.add("cause", reason)
      json.add("action", standing.reasonCode.flatMap { GraphErrorRules.row(code: $0)?.advice })
    }
  }

  // MARK: - Recipients

  func recipients(
    _ id: RowID, after: RowID, state: MessageState?, limit: Int
  ) throws -> [CampaignReportStore.Line] {
    guard let standing = try store.standing(id) else {
      throw Failure(.notFound, "there is no such campaign")
    }
    return try report.lines(
      id, after: after, state: state, limit: limit, isCancelled: standing.state == .cancelled)
  }

  static func json(_ line: CampaignReportStore.Line) -> [UInt8] {
    JSONWriter.object { json in
      json.add("to", line.party.map { "+\($0)" })
      json.add("user_id", line.userID)
      json.add("message_id", line.id.text(.message))
      json.add("state", line.state.name)
      json.add("code", line.error.map { Int64($0.code) })
      if let error = line.error {
        MessageReading.addExplanation(of: error, &json)
      } else {
        json.add("cause", line.state == .suppressed ? "the recipient opted out" : nil)
        json.add("action", nil as String?)
      }
    }
  }
}
