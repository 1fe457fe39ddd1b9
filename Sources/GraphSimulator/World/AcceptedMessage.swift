/// A message that the simulator took: what its statuses need.
struct AcceptedMessage: Hashable, Sendable {
  let wamid: String
  let number: PhoneNumber
  let recipient: Recipient
  /// marketing, utility, authentication or service.
  let category: String
  /// regular, free_customer_service or free_entry_point.
  let pricingType: String
  let callbackData: String?
  let isTemplate: Bool
  /// What the dice are rolled for: (number, recipient, how many before).
  let subject: String
  /// Unix milliseconds.
  let acceptedAt: Int64

  /// The answer to the send.
  var answer: JSON {
    var contact: JSON = ["input": JSON(recipient.input)]
    contact = contact.with("wa_id", recipient.waID.map { JSON($0) })
    contact = contact.with("user_id", recipient.userID.map { JSON($0) })
    var message: JSON = ["id": JSON(wamid)]
    if isTemplate { message = message.with("message_status", "accepted") }
    return [
      "messaging_product": "whatsapp", "contacts": [contact], "messages": [message],
    ]
  }
}
