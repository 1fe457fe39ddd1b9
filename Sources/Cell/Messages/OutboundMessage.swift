import Wire

/// A message that a client asks to send, checked against WhatsApp's limits before any money moves.
struct OutboundMessage: Hashable, Sendable {
  enum Sender: Hashable, Sendable {
    case number(RowID)
    case phoneNumberID(String)
  }
  let sender: Sender
  let address: RecipientAddress
  let type: String
  let contextID: String?
  /// Of a template message.
  let template: TemplateUse?
  /// The body as received.
  let content: [UInt8]

  static let maximumBytes = 65_536

  static func == (a: Self, b: Self) -> Bool { a.content == b.content }
  func hash(into hasher: inout Hasher) { hasher.combine(content) }

  /// Reads a Cloud API body with `number_id`.
  ///
  /// Throws `invalid_json`, `invalid_field` naming the field, `body_too_large`.
  init(_ body: [UInt8]) throws(Failure) {
    guard body.count <= Self.maximumBytes else {
      throw Failure(.bodyTooLarge, "a message is at most \(Self.maximumBytes) bytes")
    }
    let root: FieldCheck
    do throws(JSONTape.Malformed) {
      root = FieldCheck(try JSONTape(body).root, "")
    } catch {
      throw Failure(.invalidJSON, "the body is not valid JSON")
    }
    guard root.node?.kind == .object else {
      throw Failure(.invalidJSON, "the body must be a JSON object")
    }
    try root.requireUniqueMembers()
    sender = try Self.sender(root)
    address = try Self.address(root)
    if let kind = try root["recipient_type"].optionalText(1...20), kind != "individual" {
      throw root["recipient_type"].refuse("must be individual")
    }
    type = try root["type"].optionalText(1...40) ?? "text"
    contextID =
      root["context"].isPresent
      ? try root["context"].object()["message_id"].text(1...256) : nil
    template = try OutboundLimits.check(type, root)
    content = body
  }

  private static func sender(_ root: FieldCheck) throws(Failure) -> Sender {
    if root["number_id"].isPresent {
      guard let id = RowID(try root["number_id"].text(1...64), .number) else {
        throw root["number_id"].refuse("is not the identifier of a number")
      }
      return .number(id)
    }
    guard root["phone_number_id"].isPresent else { throw root["number_id"].refuse("is missing") }
    return .phoneNumberID(try root["phone_number_id"].text(1...64))
  }

  private static func address(_ root: FieldCheck) throws(Failure) -> RecipientAddress {
    if root["to"].isPresent {
      guard let address = RecipientAddress(phone: try root["to"].text(1...32)) else {
        throw root["to"].refuse("must be a phone number in E.164, e.g. +16505551234")
      }
      return address
    }
    guard root["recipient"].isPresent else { throw root["to"].refuse("is missing") }
    guard let address = RecipientAddress(user: try root["recipient"].text(1...200)) else {
      throw root["recipient"].refuse("must be a business-scoped user id, e.g. US.1349")
    }
    return address
  }
}
