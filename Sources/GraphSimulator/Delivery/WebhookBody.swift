/// Webhook bodies in Meta's form.
enum WebhookBody {
  /// One change of one WABA.
  ///
  /// `time` stands only where the field is not `messages`.
  static func envelope(waba: String, field: String, value: JSON, time: Int64? = nil) -> JSON {
    var entry: JSON = ["id": JSON(waba)]
    entry = entry.with("time", time.map { .integer($0) })
    entry = entry.with("changes", [["value": value, "field": JSON(field)]])
    return ["object": "whatsapp_business_account", "entry": [entry]]
  }

  private static func metadata(_ number: PhoneNumber) -> JSON {
    ["display_phone_number": JSON(number.digits), "phone_number_id": JSON(number.id)]
  }

  /// The webhook of one status.
  static func status(_ message: AcceptedMessage, _ planned: PlannedStatus) -> JSON {
    var status: JSON = [
      "id": JSON(message.wamid), "status": JSON(planned.status),
      "timestamp": JSON(String((message.acceptedAt + planned.happensAfter) / 1000)),
    ]
    status = status.with("recipient_id", message.recipient.waID.map { JSON($0) })
    let userID = message.recipient.userID ?? message.recipient.waID.map(Recipient.userID(of:))
    status = status.with("recipient_user_id", userID.map { JSON($0) })
    status = status.with("biz_opaque_callback_data", message.callbackData.map { JSON($0) })
    if planned.isPriced {
      status = status.with(
        "pricing",
        [
          "billable": .bool(message.pricingType == "regular"), "pricing_model": "PMP",
          "type": JSON(message.pricingType), "category": JSON(message.category),
        ])
    }
    if let code = planned.errorCode {
      status = status.with("errors", [GraphError.injected(code).statusJSON])
    }
    return envelope(
      waba: message.number.wabaID, field: "messages",
      value: [
        "messaging_product": "whatsapp", "metadata": metadata(message.number),
        "statuses": [status],
      ])
  }

  /// The webhook of one incoming message.
  ///
  /// `content` has `type` and its payload.
  static func inbound(
    to number: PhoneNumber, from user: Recipient, id: String, content: JSON, now: Int64
  ) -> JSON {
    var contact: JSON = ["profile": ["name": "Simulated user"]]
    contact = contact.with("wa_id", user.waID.map { JSON($0) })
    contact = contact.with("user_id", user.userID.map { JSON($0) })
    var message: JSON = [:]
    message = message.with("from", user.waID.map { JSON($0) })
    message = message.with("from_user_id", user.userID.map { JSON($0) })
    message = message.with("id", JSON(id))
    message = message.with("timestamp", JSON(String(now / 1000)))
    for member in content.members ?? [] { message = message.with(member.name, member.value) }
    return envelope(
      waba: number.wabaID, field: "messages",
      value: [
        "messaging_product": "whatsapp", "metadata": metadata(number),
        "contacts": [contact], "messages": [message],
      ])
  }
}
