/// What a send was, once it was taken.
enum SendOutcome: Sendable {
  case accepted(AcceptedMessage)
  /// Mark read and typing: nothing follows.
  case acknowledged
}

extension GraphWorld {
  /// `POST /{phone-number-id}/messages`.
  ///
  /// - Parameters:
  ///   - now: Unix milliseconds.
  ///   - tick: milliseconds of a clock that does not go back, for rates.
  mutating func send(
    number id: String, _ body: JSON, now: Int64, tick: Int64, marketingOnly: Bool = false
  ) throws(GraphError) -> SendOutcome {
    guard var state = numbers[id] else { throw .unknownObject(id, "POST") }
    guard body["messaging_product"]?.string == "whatsapp" else {
      throw .invalidParameter("messaging_product must be whatsapp")
    }
    guard state.isRegistered else { throw .injected(133010) }
    if let status = body["status"]?.string { return try acknowledge(status, body) }
    let type = body["type"]?.string ?? "text"
    guard !marketingOnly || type == "template" else { throw .injected(134100) }
    let recipient = try Recipient(body)
    try MessageCheck.check(body, type: type) { media[$0] != nil }
    guard recipient.waID != state.number.digits else { throw .injected(131021) }
    guard !state.blocked.contains(recipient.key) else { throw .injected(130403) }

    let key = Self.pairKey(id, recipient.key)
    var pair = pairs[key] ?? Pair()
    if faults.enforceThroughput {
      let admitted = state.throughput.admit(at: tick)
      numbers[id] = state
      guard admitted else {
        throw GraphError(
          130429, 400, "Rate limit hit",
          details: "Cloud API message throughput has been reached.", subcode: 2_494_055,
          isTransient: true)
      }
    }
    if faults.enforcePairLimit {
      let admitted = pair.meter.admit(at: tick)
      pairs[key] = pair
      guard admitted else {
        throw GraphError(
          131056, 400, "(Business Account, Consumer Account) pair rate limit hit",
          details: "Message failed to send because there were too many messages sent from this"
            + " phone number to the same phone number in a short period of time.",
          isTransient: true)
      }
    }
    let kind = try category(type, body, state.number, recipient, pair, now)
    let subject = "\(key)|\(pair.sends)"
    pair.sends += 1
    pairs[key] = pair
    if dice.happens(faults.failureRate, .refuse, subject) {
      throw .injected(dice.pick(faults.errorCodes, .refuseCode, subject) ?? 131026)
    }
    if kind == "service" {
      state.serviceMessages += 1
      numbers[id] = state
    }
    return .accepted(
      AcceptedMessage(
        wamid: nextWamid(), number: state.number, recipient: recipient, category: kind,
        pricingType: kind == "service" && state.serviceMessages <= faults.freeServiceMessages
          ? "free_customer_service" : "regular",
        callbackData: body["biz_opaque_callback_data"]?.string, isTemplate: type == "template",
        subject: subject, acceptedAt: now))
  }

  private func acknowledge(_ status: String, _ body: JSON) throws(GraphError) -> SendOutcome {
    guard status == "read" else { throw .invalidValue("status must be read") }
    guard let id = body["message_id"]?.string, id.hasPrefix("wamid.") else {
      throw .invalidValue("message_id is not a message")
    }
    return .acknowledged
  }

  /// The pricing category; refuses templates that cannot be sent and messages outside the window.
  private func category(
    _ type: String, _ body: JSON, _ number: PhoneNumber, _ recipient: Recipient, _ pair: Pair,
    _ now: Int64
  ) throws(GraphError) -> String {
    guard type == "template" else {
      guard !faults.enforceWindow || pair.windowEnds > now else {
        throw GraphError(
          131047, 400, "Re-engagement message",
          details: "Message failed to send because more than 24 hours have passed since the"
            + " customer last replied to this number.")
      }
      return "service"
    }
    let name = body["template"]?["name"]?.string ?? ""
    let language = body["template"]?["language"]?["code"]?.string ?? ""
    let key = MessageTemplate.Key(wabaID: number.wabaID, name: name, language: language)
    guard let template = templates[key] else {
      guard !faults.strictTemplates else {
        throw GraphError(
          132001, 404, "Template name does not exist in the translation",
          details: "template name (\(name)) does not exist in \(language)")
      }
      return "marketing"
    }
    try template.checkStatus()
    try template.check(sent: body["template"]?["components"])
    guard template.category != "AUTHENTICATION" || recipient.waID != nil else {
      throw .injected(131062)
    }
    return template.category.lowercased()
  }
}
