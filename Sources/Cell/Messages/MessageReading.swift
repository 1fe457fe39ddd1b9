import Storage
import Wire

/// What a client asks of the list of messages; nil leaves a filter out.
struct MessageFilter: Hashable, Sendable {
  var isOutgoing: Bool?
  var phoneNumberID: String?
  /// A phone number's digits or a user id.
  var contact: String?
  var campaign: RowID?
  var state: MessageState?
  var wamid: String?
}

/// Messages in their public form, over a writing or a reading connection of the messages file.
struct MessageReading {
  private let db: Connection
  private let store: MessageStore
  private let campaigns: CampaignStore
  private let queue: CampaignQueueStore

  init(_ connection: Connection) {
    db = connection
    store = MessageStore(connection)
    campaigns = CampaignStore(connection)
    queue = CampaignQueueStore(connection)
  }

  func message(_ id: RowID) throws -> [UInt8]? { try store.message(id).map(json) }

  /// Newest first.
  func list(_ filter: MessageFilter, before: RowID?, limit: Int) throws -> [Message] {
    try MessageListStore(db).list(filter, before: before, limit: limit)
  }

  func json(_ message: Message) throws -> [UInt8] {
    let standing = try store.standing(message.id)
    let wamid = try message.isOutgoing ? store.wamid(of: message.id) : message.wamid
    let evidence = try store.evidence(message.id)
    let state = standing?.lifecycle.state ?? .received
    let error = state.deliveryRank == nil ? try store.error(message.id) : nil
    let isPlaceholder = message.isOutgoing && message.type == Message.placeholderType
    let phone = message.party.map { message.isOutgoing ? "+\($0)" : $0 }
    let content = try content(of: message)
    let window = try ServiceWindowStore(db).expiry(
      message.phoneNumberID, contact: message.contactKey)
    return JSONWriter.object { json in
      json.add("id", message.id.text(.message))
      json.add("wamid", wamid)
      json.add("direction", message.isOutgoing ? "outbound" : "inbound")
      json.add("type", message.type)
      json.add("phone_number_id", message.phoneNumberID)
      json.add("from", message.isOutgoing ? message.phoneNumberID : phone)
      json.add("from_user_id", message.isOutgoing ? nil : message.userID)
      json.add("to", message.isOutgoing ? phone : message.phoneNumberID)
      json.add("to_user_id", message.isOutgoing ? message.userID : nil)
      json.add("content", raw: content)
      json.add(
        "supported",
        message.isOutgoing ? !isPlaceholder : IncomingMessage.isSupported(message.type))
      json.add("status", state.name)
      json.add("statuses", objects: evidence.map(Self.json))
      json.add("error", raw: error.map { Self.json($0) })
      json.add("context_id", message.contextID)
      json.add("campaign_id", message.campaign?.text(.campaign))
      json.add("window_expires_at", window)
      json.add("attempts", standing.map { Int64($0.lifecycle.attempts) })
      json.add("status_at", standing?.at ?? message.at)
      json.add("at", message.at)
    }
  }

  /// What was received or asked for; of a campaign's message, what is sent.
  private func content(of message: Message) throws -> [UInt8]? {
    if let content = message.content { return content }
    guard let id = message.campaign, let campaign = try campaigns.campaign(id),
      let recipient = try queue.recipient(message.id)
    else { return nil }
    return [UInt8(ascii: "{")]
      + GraphBody.templateMembers(
        campaign.template, language: campaign.language, components: recipient.components)
      + [UInt8(ascii: "}")]
  }

  private static func json(_ evidence: MessageEvidence) -> [UInt8] {
    JSONWriter.object { json in
      json.add("status", evidence.status)
      json.add("at", evidence.at)
      json.add("received_at", evidence.receivedAt)
      json.add("raw", raw: evidence.raw)
    }
  }

  static func json(_ error: MessageError) -> [UInt8] {
    JSONWriter.object { json in
      json.add("code", Int64(error.code))
      json.add("title", error.title)
      json.add("details", error.details)
      addExplanation(of: error, &json)
    }
  }

  /// Code, cause, and what can be done about it.
  static func addExplanation(of error: MessageError, _ json: inout JSONWriter) {
    let row = GraphErrorRules.row(code: error.code)
    let isOurs = error.code == 0 && error.title == Self.noAnswer
    let details = error.details.isEmpty ? error.title : error.details
    json.add("cause", isOurs || row == nil ? details : row?.meaning)
    json.add(
      "action", isOurs ? "nothing: a status is awaited, it is never sent twice" : row?.advice)
  }

  /// The title of the error of a send without an answer.
  static let noAnswer = "no answer"

  /// What a message costs and cost, with what proves it.
  func money(_ id: RowID, ledger: Connection) throws -> [UInt8]? {
    guard let message = try store.message(id) else { return nil }
    let charge =
      try message.charge
      ?? message.campaign.flatMap { try campaigns.charge($0, market: message.market) }
    let hold = try charge.flatMap { try LedgerStore(ledger).hold($0.hold) }
    let alerts = try store.alerts(id)
    let again = alerts.filter { $0.kind == MessageAlert.chargedAgain.rawValue }.map(\.id)
    let settlement = try MessageMoneyStore(ledger).transfers(of: [id] + again)
    let evidence = try store.evidence(id)
    let currency = try LedgerStore(ledger).currency()
    return JSONWriter.object { json in
      json.add("id", id.text(.message))
      json.add("currency", currency?.code)
      json.add("hold", raw: hold.map(Self.json))
      json.add("price", raw: charge.map { Self.json($0.quote) })
      json.add("evidence", objects: evidence.map(Self.json))
      json.add(
        "settlement",
        objects: settlement.map { transfer in
          JSONWriter.object { json in
            json.add("id", transfer.id.text(.transfer))
            json.add("at", transfer.at)
            json.add("kind", transfer.kind.name)
            json.add("amount_micros", transfer.amount.rawValue)
            if let price = transfer.price {
              json.add("price_id", price.id.text(.price))
              json.add("price_version", price.version)
            }
          }
        })
      json.add(
        "alerts",
        objects: alerts.map { alert in
          JSONWriter.object { json in
            json.add("kind", alert.kind)
            json.add("at", alert.at)
          }
        })
    }
  }

  private static func json(_ hold: Hold) -> [UInt8] {
    JSONWriter.object { json in
      json.add("id", hold.id.text(.hold))
      json.add("state", hold.state.name)
      json.add("amount_micros", hold.amount.rawValue)
      json.add("captured_micros", hold.captured.rawValue)
      json.add("released_micros", hold.released.rawValue)
      json.add("remaining_micros", hold.remaining.rawValue)
      json.add("expires_at", hold.expiresAt)
    }
  }

  private static func json(_ quote: PriceQuote) -> [UInt8] {
    JSONWriter.object { json in
      json.add("id", quote.id.text(.price))
      json.add("version", quote.version)
      json.add("amount_micros", quote.amount.rawValue)
      json.add("market", quote.market.code)
      json.add("category", quote.category.name)
    }
  }
}
