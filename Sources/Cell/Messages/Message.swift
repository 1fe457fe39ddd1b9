import Wire

/// A message as it was written once: everything about it that never changes.
struct Message: Hashable, Sendable {
  let id: RowID
  let isOutgoing: Bool
  /// When it was received by WhatsApp, or asked for here.
  let at: Timestamp
  let phoneNumberID: String
  /// As WhatsApp names it.
  ///
  /// `unknown`: a status came for a message that we know nothing about.
  let type: String
  /// The other side's phone number, digits only.
  var party: String?
  /// The other side's business-scoped user id.
  var userID: String?
  var campaign: RowID?
  /// Byte for byte as received or asked for; nil for a campaign's message.
  var content: [UInt8]?
  /// Of an incoming message.
  var wamid: String?
  /// The wamid that it answers or reacts to.
  var contextID: String?
  var charge: MessageCharge?
  /// The trace of the request that asked for it.
  var trace: TraceID?

  static let placeholderType = "unknown"

  /// Where it goes, or comes from, as prices see it.
  var market: Market { Self.market(party: party, userID: userID) }

  static func market(party: String?, userID: String?) -> Market {
    if let party { return Market(phone: party) }
    return userID.flatMap(Market.init(userID:)) ?? .any
  }

  /// The key of the other side in windows and opt-outs.
  var contactKey: String { party ?? userID ?? "" }
}

/// What one outgoing message costs, and which hold pays for it.
struct MessageCharge: Hashable, Sendable {
  let hold: RowID
  let quote: PriceQuote
  /// Whether the hold is this message's alone, and is closed with it.
  let isOwnHold: Bool
  /// What the hold has for this message beyond its price, in case Meta charges a dearer category.
  ///
  /// Zero for a hold of its own: that is for this message whole.
  var reserve: Micros = .zero

  /// The most that the message may cost.
  var worst: Micros { get throws { try quote.amount.adding(reserve) } }
}

/// The part of a message that changes.
struct MessageStanding: Hashable, Sendable {
  var lifecycle: MessageLifecycle
  /// When `state` was reached.
  var at: Timestamp
  /// When something is to be done about it; nil: nothing.
  var due: Timestamp?
  /// Whether its reserve in its campaign's hold was used or given back.
  var isReserveSettled = false
}

/// A status as it came.
struct MessageEvidence: Hashable, Sendable {
  let status: String
  /// Of group messages: who it is about.
  let participant: String
  let at: Timestamp
  let receivedAt: Timestamp
  let raw: [UInt8]
}

/// Why a message failed or waits to be tried again.
struct MessageError: Hashable, Sendable {
  let code: Int
  let title: String
  let details: String
}

enum MessageLimits {
  /// A message that could not be sent for this long ends with its hold.
  static let holdSeconds = LedgerLimits.holdSeconds
  /// An intent without outcome for this long is looked at again.
  static let intentSeconds: Int64 = 120
  /// The 24 hours in which anything may be sent to a user who wrote.
  static let windowSeconds: Int64 = 86_400
}
