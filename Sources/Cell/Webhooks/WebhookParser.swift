import Wire

/// Reads webhook values.
///
/// Never fails: what it does not understand becomes a quarantined event.
enum WebhookParser {
  static func items(
    _ change: Aimstors_ProtoWebhookChange, receivedAt: Timestamp
  ) -> [WebhookItem] {
    read(change, receivedAt).flatMap { item in
      item.bytes > largestItemBytes ? parts(of: item, change) : [item]
    }
  }

  /// The longest item that is stored in one row: one that no command can take would be delivered
  /// again for days, and everything that came with it.
  static let largestItemBytes = 1_000_000

  /// A value that is too long, whole, in several quarantined rows.
  private static func parts(
    of item: WebhookItem, _ change: Aimstors_ProtoWebhookChange
  ) -> [WebhookItem] {
    let raw = item.raw
    let size = WebhookIntake.bytesPerCommand
    let count = (raw.count + size - 1) / size
    return (0..<count).map { part in
      let bytes = raw[part * size..<min((part + 1) * size, raw.count)]
      return event(
        change, Array(bytes), quarantine: "part \(part + 1) of \(count) of a value too long")
    }
  }

  private static func read(
    _ change: Aimstors_ProtoWebhookChange, _ receivedAt: Timestamp
  ) -> [WebhookItem] {
    let raw = Array(change.value)
    guard let value = try? JSONTape(raw).root, value.kind == .object else {
      return [event(change, raw, quarantine: "the value is not a JSON object")]
    }
    guard change.field == "messages" else { return [event(change, raw)] }
    let number =
      change.phoneNumberID.isEmpty
      ? value["metadata"]?["phone_number_id"]?.lenientString ?? "" : change.phoneNumberID
    var items: [WebhookItem] = []
    for message in elements(value["messages"]) {
      items.append(
        incoming(message, contacts: value["contacts"], number, receivedAt)
          ?? event(change, Array(message.raw), quarantine: "a message without an id"))
    }
    for status in elements(value["statuses"]) {
      items.append(
        self.status(status, number, receivedAt)
          ?? event(change, Array(status.raw), quarantine: "a status without an id or a status"))
    }
    if value["errors"]?[0] != nil { items.append(event(change, raw)) }
    if let reason = unread(value) {
      items.append(event(change, raw, quarantine: reason))
    } else if items.isEmpty {
      items.append(event(change, raw, quarantine: "neither messages nor statuses nor errors"))
    }
    return items
  }

  /// What is read of a `messages` value, and what each member has to be.
  private static let members: [String: JSONNode.Kind] = [
    "messaging_product": .string, "metadata": .object, "contacts": .array, "messages": .array,
    "statuses": .array, "errors": .array,
  ]

  /// The first member that is not read, with the reason; nil where all of the value is.
  ///
  /// A `null` holds nothing to lose. Of a key that is repeated only the first is read.
  private static func unread(_ value: JSONNode) -> String? {
    var seen: Set<String> = []
    for member in value.members where member.value.kind != .null {
      guard let kind = members[member.key] else { return "an unknown member: \(member.key)" }
      guard seen.insert(member.key).inserted else { return "\(member.key) is repeated" }
      guard member.value.kind == kind else { return "\(member.key) is not of its type" }
    }
    return nil
  }

  /// The elements of an array that may be missing.
  private static func elements(_ node: JSONNode?) -> [JSONNode] {
    node.map { Array($0.elements) } ?? []
  }

  private static func event(
    _ change: Aimstors_ProtoWebhookChange, _ raw: [UInt8], quarantine: String? = nil
  ) -> WebhookItem {
    .event(
      WebhookEvent(
        field: change.field, wabaID: change.wabaID, phoneNumberID: change.phoneNumberID,
        entryTime: change.entryTime, quarantine: quarantine, raw: raw))
  }

  private static func incoming(
    _ message: JSONNode, contacts: JSONNode?, _ number: String, _ receivedAt: Timestamp
  ) -> WebhookItem? {
    guard let wamid = message["id"]?.lenientString, !wamid.isEmpty else { return nil }
    let from = digits(message["from"]?.lenientString)
    var userID = message["from_user_id"]?.string
    let contact = self.contact(contacts, party: message["from"]?.lenientString, userID: userID)
    userID = userID ?? contact?["user_id"]?.string
    let type = message["type"]?.string ?? "unsupported"
    return .incoming(
      IncomingMessage(
        phoneNumberID: number, wamid: wamid, at: time(message["timestamp"]) ?? receivedAt,
        type: type, party: from ?? digits(contact?["wa_id"]?.lenientString), userID: userID,
        parentUserID: contact?["parent_user_id"]?.string,
        profileName: contact?["profile"]?["name"]?.string,
        contextID: message["context"]?["id"]?.string ?? message["reaction"]?["message_id"]?.string,
        newParty: type == "system" ? digits(message["system"]?["wa_id"]?.lenientString) : nil,
        raw: Array(message.raw)))
  }

  /// The entry of `contacts` about this sender; the only entry where the sender is not named.
  private static func contact(
    _ contacts: JSONNode?, party: String?, userID: String?
  ) -> JSONNode? {
    let all = elements(contacts)
    let match = all.first { entry in
      (party != nil && entry["wa_id"]?.lenientString == party)
        || (userID != nil && entry["user_id"]?.string == userID)
    }
    return match ?? (party == nil && userID == nil && all.count == 1 ? all.first : nil)
  }

  private static func status(
    _ status: JSONNode, _ number: String, _ receivedAt: Timestamp
  ) -> WebhookItem? {
    guard let wamid = status["id"]?.lenientString, !wamid.isEmpty,
      let name = status["status"]?.string, !name.isEmpty
    else { return nil }
    let failure = status["errors"]?[0]
    let error = failure?["code"]?.lenientInteger.map { code in
      MessageError(
        code: Int(code), title: failure?["title"]?.string ?? failure?["message"]?.string ?? "",
        details: failure?["error_data"]?["details"]?.string ?? "")
    }
    return .status(
      StatusReport(
        phoneNumberID: number, wamid: wamid, status: name,
        at: time(status["timestamp"]) ?? receivedAt,
        participant: status["recipient_participant_id"]?.lenientString ?? "",
        party: digits(status["recipient_id"]?.lenientString),
        userID: status["recipient_user_id"]?.string,
        callback: status["biz_opaque_callback_data"]?.string.flatMap { RowID($0, .message) },
        error: error, raw: Array(status.raw)))
  }

  /// Unix seconds, as a string or as a number.
  private static func time(_ node: JSONNode?) -> Timestamp? {
    guard let seconds = node?.lenientInteger, seconds > 0, seconds < 253_402_300_799 else {
      return nil
    }
    return Timestamp(seconds: seconds)
  }

  /// A phone number as WhatsApp writes it; nil for anything that is not one.
  private static func digits(_ text: String?) -> String? {
    text.flatMap(RecipientAddress.init(phone:))?.party
  }
}
