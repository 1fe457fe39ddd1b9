import Wire

/// One thing that a webhook reports, read out of its bytes.
enum WebhookItem: Hashable, Sendable {
  case incoming(IncomingMessage)
  case status(StatusReport)
  /// Anything else, kept as it came; some of it is also acted upon.
  case event(WebhookEvent)

  /// Its JSON as it came.
  var raw: [UInt8] {
    switch self {
    case .incoming(let message): message.raw
    case .status(let status): status.raw
    case .event(let event): event.raw
    }
  }

  var bytes: Int { raw.count }
}

/// A message from a user.
///
/// Everything but its id may be missing.
struct IncomingMessage: Hashable, Sendable {
  let phoneNumberID: String
  let wamid: String
  let at: Timestamp
  let type: String
  /// Digits of the sender's phone number.
  let party: String?
  let userID: String?
  let parentUserID: String?
  let profileName: String?
  let contextID: String?
  /// A user's new phone number, of a `system` message about a change of number.
  let newParty: String?
  let raw: [UInt8]

  /// The types of messages that we know; others are stored just the same, marked unsupported.
  static let knownTypes: Set<String> = [
    "text", "image", "video", "audio", "document", "sticker", "location", "contacts", "button",
    "interactive", "reaction", "order", "system", "revoke", "edit",
  ]

  static func isSupported(_ type: String) -> Bool { knownTypes.contains(type) }
}

/// A status of a message that was sent.
struct StatusReport: Hashable, Sendable {
  let phoneNumberID: String
  let wamid: String
  let status: String
  let at: Timestamp
  /// Of group messages: whom it is about.
  let participant: String
  let party: String?
  let userID: String?
  /// Our id, where it echoes one.
  let callback: RowID?
  let error: MessageError?
  let raw: [UInt8]

  var kind: StatusKind { StatusKind(status) }
}

/// A webhook value that is neither message nor status.
struct WebhookEvent: Hashable, Sendable {
  let field: String
  let wabaID: String
  let phoneNumberID: String
  let entryTime: Int64
  /// Why it could not be understood; nil where it was.
  let quarantine: String?
  let raw: [UInt8]
}
