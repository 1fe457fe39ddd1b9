import Storage
import Wire

/// Acts on the webhook fields that change what may be sent: templates, numbers, accounts, consent.
///
/// Fields that are not named here are only stored.
struct WebhookEvents {
  private let tx: Transaction

  init(_ tx: Transaction) { self.tx = tx }

  func act(on event: WebhookEvent) throws {
    guard let value = try? JSONTape(event.raw).root else { return }
    switch event.field {
    case "message_template_status_update": try templateStatus(value)
    case "template_category_update": try templateCategory(value)
    case "phone_number_quality_update": try numberQuality(value, event)
    case "account_update": try account(value, event)
    case "user_preferences": try preferences(value)
    default: break
    }
  }

  // MARK: - Templates

  private func templateStatus(_ value: JSONNode) throws {
    guard let name = value["message_template_name"]?.string,
      let language = value["message_template_language"]?.string,
      let event = value["event"]?.string
    else { return }
    let reason = value["reason"]?.string ?? value["other_info"]?["title"]?.string ?? ""
    let status = TemplateStatus(rawValue: event)
    try Templates(tx).setStatus(
      name: name, language: language, status, reason: reason == "NONE" ? "" : reason)
    if let category = value["message_template_category"]?.string.flatMap(
      MessageCategory.init(name:))
    {
      try Templates(tx).setCategory(name: name, language: language, category)
    }
    guard !status.maySend else { return }
    let campaigns = CampaignStore(try tx.file(.messages))
    for id in try campaigns.active(template: name, phoneNumberID: nil)
    where try campaigns.campaign(id)?.language == language {
      try ErrorConsequences.pause(
        id, code: nil, reason: "the template is \(event.lowercased())", tx)
    }
  }

  /// A notice of a change to come (`correct_category`) changes nothing yet.
  private func templateCategory(_ value: JSONNode) throws {
    guard let name = value["message_template_name"]?.string,
      let language = value["message_template_language"]?.string,
      let category = value["new_category"]?.string.flatMap(MessageCategory.init(name:))
    else { return }
    try Templates(tx).setCategory(name: name, language: language, category)
  }

  // MARK: - Numbers and accounts

  private func numberQuality(_ value: JSONNode, _ event: WebhookEvent) throws {
    let shown = value["display_phone_number"]?.lenientString.map(Self.digits)
    for number in try numbers(of: event)
    where shown == nil || Self.digits(number.displayPhoneNumber) == shown {
      switch value["event"]?.string {
      case "THROUGHPUT_UPGRADE": try Numbers(tx).update(number.id, ratePerSecond: 1_000)
      case "FLAGGED": try Numbers(tx).update(number.id, quality: "RED")
      case "UNFLAGGED": try Numbers(tx).update(number.id, quality: "GREEN")
      default: break
      }
    }
  }

  private func account(_ value: JSONNode, _ event: WebhookEvent) throws {
    let name = value["event"]?.string ?? ""
    let ban = value["ban_info"]?["waba_ban_state"]?.string
    let isStop: Bool
    switch name {
    case "ACCOUNT_DELETED", "ACCOUNT_RESTRICTION", "PARTNER_REMOVED", "ACCOUNT_OFFBOARDED":
      isStop = true
    case "DISABLED_UPDATE": isStop = ban != "REINSTATE"
    case "ACCOUNT_RECONNECTED": isStop = false
    default: return
    }
    for number in try numbers(of: event) {
      let reason = "the account: \(name)\(ban.map { " \($0)" } ?? "")"
      if isStop {
        try ErrorConsequences.block(number.phoneNumberID, reason: reason, tx)
      } else if number.state == .blocked, number.stateReason.hasPrefix("the account: ") {
        try Numbers(tx).setState(number.id, .connected)
      }
    }
  }

  private func numbers(of event: WebhookEvent) throws -> [Number] {
    try NumbersStore(tx.file(.messages)).list(after: RowID(0), limit: 1_000)
      .filter { $0.wabaID == event.wabaID }
  }

  private static func digits(_ text: String) -> String { text.filter(\.isNumber) }

  // MARK: - Consent

  private func preferences(_ value: JSONNode) throws {
    let listed = value["user_preferences"].map { Array($0.elements) } ?? []
    for preference in listed.isEmpty ? [value] : listed {
      guard preference["category"]?.string == "marketing_messages" else { continue }
      let phone = preference["wa_id"]?.lenientString.flatMap(RecipientAddress.init(phone:))?.party
      let user = preference["user_id"]?.string
      guard phone != nil || user != nil else { continue }
      switch preference["value"]?.string {
      case "stop": try Contacts(tx).optOut(waID: phone, userID: user)
      case "resume": try Contacts(tx).optIn(waID: phone, userID: user)
      default: break
      }
    }
  }
}
